import { messageOf } from '../util/error-text.ts'
import { detached } from '../util/faults.ts'
import type { RedisConnection } from './connection.ts'
import { primariesOf } from './nodes.ts'

/** So long nothing is stored after Redis said that it is full, or was found to be. */
const PAUSE_MS = 10_000

/** Redis' own words, and those of Upstash. */
const FULL = /^OOM |capacity quota exceeded|max \w+ size/i

/**
 * Whether there is room for more. It costs no command per call: after each hundredth of the budget that this process
 * has stored, one `INFO memory` says how much everybody together has. Many processes can overshoot by that hundredth
 * each.
 */
export function createMemoryBudget(link: RedisConnection, maxBytes: number, onFull: () => void) {
  /** Stored by this process since it last looked; unknown at first, and after a pause. */
  let unseen: number | undefined
  let fullUntil = 0
  let looking: Promise<void> | undefined

  function pause() {
    onFull()
    fullUntil = Date.now() + PAUSE_MS
    unseen = undefined
  }

  async function look() {
    const used = await usedBytes(link).catch(() => undefined)
    unseen = 0
    if (used !== undefined && used > maxBytes) pause()
  }

  function lookOnce(): Promise<void> {
    looking ??= look()
      .catch((error: unknown) => link.fault(error, 'how full Redis is'))
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  return {
    /** Waits for Redis only the first time, and after a pause. */
    async hasRoom(bytes: number): Promise<boolean> {
      if (Date.now() < fullUntil) return false
      if (unseen === undefined) {
        await lookOnce()
        return Date.now() >= fullUntil
      }
      unseen += bytes
      if (unseen > maxBytes / 100) detached(lookOnce(), link.fault, 'how full Redis is')
      return true
    },
    /** True when this is how Redis says that it is full. */
    refused(error: unknown): boolean {
      const full = FULL.test(messageOf(error))
      if (full) pause()
      return full
    },
    isFull: () => Date.now() < fullUntil,
  }
}

/** Of all masters; `undefined` where the server does not tell. */
async function usedBytes(link: RedisConnection): Promise<number | undefined> {
  const masters = await link.run(async (client) => primariesOf(client))
  const infos = await Promise.all(masters.map((master) => link.run(() => master.info('memory'))))
  const used = infos.map((info) => Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? Number.NaN))
  const sum = used.reduce((total, bytes) => total + bytes, 0)
  return Number.isNaN(sum) ? undefined : sum
}
