import { type RedisConnection, RedisUnavailable } from '../redis/connection.ts'
import { createScript } from '../redis/script.ts'
import { isInstance } from '../util/error-text.ts'
import { attempt, detached } from '../util/faults.ts'
import { clearTimer, setRepeating } from '../util/timers.ts'
import releaseSource from './release.lua'
import renewSource from './renew.lua'

/**
 * Outcome of a flight. `kept`: its answer is in the cache. `unfit`: its answer cannot be stored, and the next one
 * probably neither. `failed`: there was no answer. `left`: all its callers left, and another process may ask.
 */
export type Outcome = 'kept' | 'unfit' | 'failed' | 'left'

/** State found when taking a lease. `ours`: taken by this call. */
export type LeaseState =
  | { type: 'ours' }
  /** Another process is asking, under this token. */
  | { type: 'held'; token: string }
  /** Another process has just asked. */
  | { type: 'over'; outcome: Outcome }
  /** Redis is unavailable. */
  | { type: 'unknown' }

export type Lease = {
  /** Ends the lease once, and publishes its outcome when it is known. */
  end: (outcome: Outcome | Promise<Outcome>) => void
  /** Renews for `STORE_MS` more at most: the answer is complete, and unless the lease is ended by then, it expires. */
  complete: () => void
}

export type Leases = {
  take: (key: string, token: string) => Promise<LeaseState>
  /** Keeps a taken lease alive. */
  hold: (key: string, token: string) => Lease
  /** Resolves when all ended leases are released, or given up. */
  settled: () => Promise<void>
}

export const CHANNEL = 'gw:flight'

/**
 * Returns the key beside the answer's own, in the same slot of a cluster. A purge begins an epoch, and with it a new
 * key: calls after the purge never join a flight from before it.
 */
export const leaseKeyOf = (answerKey: string, epoch = ''): string =>
  answerKey.replace('}:x:', '}:flight:') +
  epoch
    .trim()
    .replaceAll(' ', ':')
    .replace(/^(?=.)/, ':')

/** Longest time that waiting calls lose to a dead holder; a slow holder has two thirds of it to renew. */
export const LEASE_MS = 3_000
const LEASE = 'a lease of a call'

/** Longest time that waiting calls lose to an answer that is complete and is not stored. */
const STORE_MS = 10_000

/**
 * Milliseconds for which later calls find the outcome: longer than a call takes from the cache lookup to here.
 * Questions without a shareable answer skip the wait for `unfit` calls.
 */
export const OUTCOME_TTL_MS: Record<Outcome, number> = { kept: 2_000, failed: 2_000, unfit: 30_000, left: 0 }

export const isOutcome = (result: string | undefined): result is Outcome =>
  result !== undefined && Object.hasOwn(OUTCOME_TTL_MS, result)

/**
 * Creates the leases: at most one process asks upstream per question. A lease is an agreement, not a lock: two
 * processes that ask at once cost money, but do no harm.
 */
export function createLeases(connection: RedisConnection): Leases {
  const renewal = createScript(renewSource, 'allow-oom')
  const release = createScript(releaseSource, 'allow-oom')
  const ending = new Set<Promise<void>>()

  async function take(key: string, token: string): Promise<LeaseState> {
    try {
      const held = await connection.run((client) => client.set(key, token, 'PX', LEASE_MS, 'NX', 'GET'))
      if (held === null) return { type: 'ours' }
      return isOutcome(held) ? { type: 'over', outcome: held } : { type: 'held', token: held }
    } catch (error) {
      // The command may have succeeded all the same, and the lease would stay unused.
      if (isInstance(error, RedisUnavailable)) detached(settle(key, token, 'left'), connection.fault, LEASE)
      return { type: 'unknown' }
    }
  }

  function hold(key: string, token: string): Lease {
    let ended = false
    const timer = setRepeating(attempt, LEASE_MS / 3, renew, connection.fault, LEASE)
    timer.unref()
    let renewUntil = Number.POSITIVE_INFINITY
    const stopRenewing = () => clearTimer(timer)
    const complete = () => {
      renewUntil = Math.min(renewUntil, performance.now() + STORE_MS)
    }

    function renew(): void {
      if (performance.now() > renewUntil) {
        stopRenewing()
        return
      }
      connection
        .run((client) => renewal.run(client, [key], [token, LEASE_MS]))
        .then((isHeld) => {
          if (isHeld === 0) stopRenewing()
        })
        // The next renewal may succeed.
        .catch(() => undefined)
    }

    return {
      complete,
      end(outcome) {
        if (ended) return
        ended = true
        complete()
        // Until the outcome is known, which can take longer than a lease lives: the first write of a process is slow.
        const known = Promise.resolve(outcome).finally(stopRenewing)
        // If this fails, the lease expires.
        const done = settle(key, token, known)
          .finally(() => ending.delete(done))
          .catch((error: unknown) => connection.fault(error, LEASE))
        ending.add(done)
      },
    }
  }

  async function settle(key: string, token: string, outcome: Outcome | Promise<Outcome>): Promise<void> {
    const result = await outcome
    const message = `${key} ${token} ${result}`
    await connection
      .run((client) => release.run(client, [key], [token, result, OUTCOME_TTL_MS[result], CHANNEL, message]))
      // The lease expires instead.
      .catch(() => undefined)
  }

  return { take, hold, settled: async () => void (await Promise.allSettled(ending)) }
}
