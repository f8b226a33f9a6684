import { randomUUID } from 'node:crypto'
import type { RedisConnection } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { HOUR_MS } from './counters.ts'
import type { MetricsSettings } from './options.ts'
import writeSource from './write.lua'
import { type Write, writeOf } from './write.ts'

/** What one command adds at most: Redis does nothing else meanwhile, for a few milliseconds. */
const BATCH = 1_000

/**
 * Adds each call to the sums of its minute and of its hour, with one command for all calls of some seconds. A write that
 * failed may have happened: it is repeated as it was, under its number, before there is another one.
 */
export function createMetricsSink(
  link: RedisConnection,
  { flushSeconds, keepHours, keyLocking }: MetricsSettings,
): Sink {
  const script = createScript(writeSource, keyLocking ? 'allow-key-locking' : undefined)
  const keepMs = keepHours * HOUR_MS
  const writer = randomUUID()
  let number = 0
  let unsure: Write | undefined

  async function deliver(reports: readonly Report[]): Promise<Delivery | undefined> {
    if (unsure === undefined) {
      number += 1
      await perform(writeOf(reports, writer, number, keepMs, Date.now()))
      return undefined
    }
    const earlier = unsure
    const rest = reports.filter((report) => !earlier.reports.has(report))
    // By then Redis has forgotten whether it happened; to miss calls is better than to count them twice.
    const forgotten = Date.now() - earlier.at > keepMs
    if (!forgotten) await perform(earlier)
    unsure = undefined
    if (rest.length === reports.length) return await deliver(reports)
    const trouble = 'what Redis did not confirm for too long is not counted'
    return forgotten
      ? { retry: rest, rejected: reports.length - rest.length, reason: trouble }
      : { retry: rest }
  }

  async function perform(write: Write) {
    unsure = write
    try {
      await link.run((client) => script.run(client, write.keys, write.args))
    } catch (error) {
      throw new DeliveryError(error instanceof Error ? error.message : 'unknown', { cause: error })
    }
    unsure = undefined
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
