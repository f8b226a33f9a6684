import { randomUUID } from 'node:crypto'
import type { RedisConnection } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import { isInstance } from '../../util/error-text.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { HOUR_MS } from './counters.ts'
import type { MetricsSettings } from './options.ts'
import writeSource from './write.lua'
import { createWrite, type Write } from './write.ts'

/** Calls of one command at most: it blocks Redis for a few milliseconds. */
const BATCH = 1_000

/**
 * Adds each call to its minute and hour, with one command per `flushSeconds`. After a failure it is unknown whether
 * Redis applied the write: the same write, with the same number, is repeated before the next one.
 */
export function createMetricsSink(
  redis: RedisConnection,
  { flushSeconds, keepHours, keyLocking }: MetricsSettings & { keyLocking: boolean },
): Sink {
  const script = createScript(writeSource, keyLocking ? 'allow-key-locking' : undefined)
  const keepMs = keepHours * HOUR_MS
  const writer = randomUUID()
  let number = 0
  let unconfirmed: Write | undefined

  async function deliver(reports: readonly Report[]): Promise<Delivery | undefined> {
    if (unconfirmed === undefined) {
      number += 1
      await send(createWrite(reports, writer, number, keepMs, Date.now()))
      return undefined
    }
    const earlier = unconfirmed
    const rest = reports.filter((report) => !earlier.reports.has(report))
    // After `keepMs` Redis has forgotten the write's number. Then the calls are dropped: missing calls are better than
    // calls counted twice.
    const forgotten = Date.now() - earlier.at > keepMs
    if (!forgotten) await send(earlier)
    unconfirmed = undefined
    if (rest.length === reports.length) return await deliver(reports)
    const reason = 'Redis did not confirm a write within keepHours: its calls are not counted'
    return forgotten ? { retry: rest, rejected: reports.length - rest.length, reason } : { retry: rest }
  }

  async function send(write: Write) {
    unconfirmed = write
    try {
      await redis.run((client) => script.run(client, write.keys, write.args))
    } catch (error) {
      throw new DeliveryError(isInstance(error, Error) ? error.message : 'unknown', { cause: error })
    }
    unconfirmed = undefined
  }

  return {
    name: 'metrics',
    content: false,
    periodic: true,
    batch: BATCH,
    lingerMs: flushSeconds * 1_000,
    deliver,
  }
}
