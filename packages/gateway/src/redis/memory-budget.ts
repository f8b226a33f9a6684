import { messageOf } from '../util/error-text.ts'
import { detached } from '../util/faults.ts'
import type { RedisConnection } from './connection.ts'
import { primariesOf } from './nodes.ts'

/** Milliseconds without stores after Redis was found to be full. */
const PAUSE_MS = 10_000

/** Error texts of Redis and of Upstash. */
const FULL = /^OOM |capacity quota exceeded|max \w+ size/i

/**
 * Tells whether there is room for more entries, without a command per call: after each hundredth of the budget that
 * this process has stored, one `INFO memory` returns the total use. Each process can overshoot by that hundredth.
 */
export function createMemoryBudget(connection: RedisConnection, maxBytes: number, onFull: () => void) {
  /** Bytes stored by this process since the last check; unknown at first and after a pause. */
  let storedSinceCheck: number | undefined
  /** By `performance.now()`. */
  let fullUntil = 0
  let checking: Promise<void> | undefined

  function pause() {
    onFull()
    fullUntil = performance.now() + PAUSE_MS
    storedSinceCheck = undefined
  }

  async function check() {
    const used = await usedBytes(connection).catch(() => undefined)
    storedSinceCheck = 0
    if (used !== undefined && used > maxBytes) pause()
  }

  function checkOnce(): Promise<void> {
    checking ??= check()
      .catch((error: unknown) => connection.fault(error, 'how full Redis is'))
      .finally(() => {
        checking = undefined
      })
    return checking
  }

  return {
    /** Waits for Redis only the first time, and after a pause. */
    async hasRoom(bytes: number): Promise<boolean> {
      if (performance.now() < fullUntil) return false
      if (storedSinceCheck === undefined) {
        await checkOnce()
        return performance.now() >= fullUntil
      }
      storedSinceCheck += bytes
      if (storedSinceCheck > maxBytes / 100) detached(checkOnce(), connection.fault, 'how full Redis is')
      return true
    },
    /** Whether this error says that Redis is full. If so, stores pause. */
    refused(error: unknown): boolean {
      const full = FULL.test(messageOf(error))
      if (full) pause()
      return full
    },
    isFull: () => performance.now() < fullUntil,
  }
}

/** Sums the memory of all primaries; `undefined` if a server does not tell. */
async function usedBytes(connection: RedisConnection): Promise<number | undefined> {
  const primaries = await connection.run(async (client) => primariesOf(client))
  const infos = await Promise.all(primaries.map((primary) => connection.run(() => primary.info('memory'))))
  const used = infos.map((info) => Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? Number.NaN))
  const sum = used.reduce((total, bytes) => total + bytes, 0)
  return Number.isNaN(sum) ? undefined : sum
}
