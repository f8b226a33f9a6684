import type { Recorder } from '../account/recorder.ts'
import type { CacheStore } from '../cache/store.ts'
import type { createSinks } from '../sinks/fan-out.ts'
import type { Sink } from '../sinks/sink.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { type Fault, guarded } from '../util/faults.ts'
import { settlesWithin } from '../util/timeout.ts'
import type { LazySemanticCache } from './lazy-semantic.ts'
import type { RedisServices } from './redis-services.ts'

/** Time that `close` waits for Redis to take back leases. */
const LEASES_MS = 500
/** Time that `close` waits for sinks to end. */
const SINKS_MS = 1_000
/** Time that a function may be kept awake for its records, and that a collected gateway may take to close. */
export const LINGER_MS = 10_000

export type LifecycleParts = {
  /** Work that no caller waits for. */
  deferred: DeferredQueue
  /** Settlements of quotas. */
  settlements: DeferredQueue
  observer: { settled: () => Promise<unknown> }
  recorder: Recorder
  semanticCache: LazySemanticCache
  sinks: ReturnType<typeof createSinks>
  redis: RedisServices | undefined
  cache: CacheStore
  custody: { close: () => void } | undefined
  fault: Fault
}

/** Waits for the work that goes on after answers, and ends the parts of a gateway. */
export function createLifecycle(parts: LifecycleParts) {
  const { deferred, settlements, observer, recorder, semanticCache, sinks, redis, cache, custody, fault } =
    parts

  /** Resolves `false` if records still wait for a sink. `isLast`: periodic sinks deliver, too. */
  async function settled(isLast: boolean): Promise<boolean> {
    deferred.run()
    await observer.settled()
    if (isLast) recorder.endWaiting()
    await recorder.settled()
    // The semantic cache makes calls of its own, which have records.
    await semanticCache.settled()
    await recorder.settled()
    deferred.run()
    settlements.run()
    const drained = sinks.drain(isDue(isLast), isLast)
    await Promise.all([redis?.settled(), drained])
    return await drained
  }

  /**
   * Resolves `true` only if all records were delivered within `deadlineMs`, and none was lost since the last time, or
   * ever where `isLast`.
   */
  async function delivered(isLast: boolean, deadlineMs: number): Promise<boolean> {
    let isDrained = false
    const due = isDue(isLast)
    const hasLost = isLast ? sinks.watchAllLosses(due) : sinks.watchNewLosses(due)
    const work = settled(isLast).then((done) => {
      isDrained = done
    })
    const isInTime = await settlesWithin(work, deadlineMs)
    return !hasLost() && isInTime && isDrained
  }

  return {
    settled,
    flush: async (deadlineMs: number): Promise<boolean> => await delivered(false, deadlineMs),
    async close(deadlineMs: number): Promise<boolean> {
      const isDelivered = await delivered(true, deadlineMs)
      if (redis !== undefined) await settlesWithin(redis.leave(), LEASES_MS)
      await settlesWithin(sinks.close(), SINKS_MS)
      // A part that cannot be closed keeps no other open.
      for (const part of [cache, semanticCache, custody, redis])
        guarded(() => part?.close(), fault, 'closing')
      return isDelivered
    },
  }
}

export type Lifecycle = ReturnType<typeof createLifecycle>

/** Sinks with a period of their own deliver at the end only. */
const isDue =
  (isLast: boolean) =>
  ({ periodic }: Sink) =>
    isLast || !periodic
