import { type RedisConnection, RedisUnavailable } from '../redis/connection.ts'
import { createScript } from '../redis/script.ts'
import { isInstance } from '../util/error-text.ts'
import { attempt, detached } from '../util/faults.ts'
import { clearTimer, setRepeating } from '../util/timers.ts'
import releaseSource from './release.lua'
import renewSource from './renew.lua'

/**
 * What came of a flight. `kept`: its answer is in the cache. `unfit`: its answer is not one to be kept, and the next
 * would hardly be. `failed`: it has none. `left`: nobody wanted it any more, and somebody else may ask.
 */
export type Outcome = 'kept' | 'unfit' | 'failed' | 'left'

/** What there was when a lease was to be taken. */
export type LeaseState =
  | { type: 'ours' }
  /** Someone else asks, under this token. */
  | { type: 'held'; token: string }
  /** Someone else has asked, just now. */
  | { type: 'over'; outcome: Outcome }
  /** Redis cannot tell. */
  | { type: 'unknown' }

export type Lease = {
  /** Once only; says how it ended as soon as that is known. */
  end: (outcome: Outcome | Promise<Outcome>) => void
  /** No longer renewed: unless it is ended first, it runs out. */
  stopRenewing: () => void
}

export type Leases = {
  take: (key: string, token: string) => Promise<LeaseState>
  /** One that was taken, kept alive from now on. */
  hold: (key: string, token: string) => Lease
  /** Resolves when all that have ended are released, or given up. */
  settled: () => Promise<void>
}

export const CHANNEL = 'gw:flight'

/**
 * Beside the answer's own, in the same slot of a cluster. A purge begins an epoch, and with it a key of its own: what was
 * asked before it is joined by no call that came after.
 */
export const leaseKeyOf = (answerKey: string, epoch = ''): string =>
  answerKey.replace('}:x:', '}:flight:') +
  epoch
    .trim()
    .replaceAll(' ', ':')
    .replace(/^(?=.)/, ':')

/** A holder that dies keeps the others waiting so long; one that is merely slow to renew has two thirds of it. */
export const LEASE_MS = 3_000
const LEASE = 'a lease of a call'

/**
 * For how long newcomers learn what came of a flight: longer than any of them takes from the cache to here. Who asks
 * what has no answer that can be shared need not wait to find out.
 */
const WORD_MS: Record<Outcome, number> = { kept: 2_000, failed: 2_000, unfit: 30_000, left: 0 }

export const isOutcome = (word: string | undefined): word is Outcome =>
  word !== undefined && Object.hasOwn(WORD_MS, word)

/** Who asks, of all processes. A lease is an agreement, not a lock: two that ask at once do no harm but the cost. */
export function createLeases(link: RedisConnection): Leases {
  const renewal = createScript(renewSource, 'allow-oom')
  const release = createScript(releaseSource, 'allow-oom')
  const ending = new Set<Promise<void>>()

  async function take(key: string, token: string): Promise<LeaseState> {
    try {
      const held = await link.run((client) => client.set(key, token, 'PX', LEASE_MS, 'NX', 'GET'))
      if (held === null) return { type: 'ours' }
      return isOutcome(held) ? { type: 'over', outcome: held } : { type: 'held', token: held }
    } catch (error) {
      // It may have been taken nevertheless, and nobody would use it.
      if (isInstance(error, RedisUnavailable)) detached(settle(key, token, 'left'), link.fault, LEASE)
      return { type: 'unknown' }
    }
  }

  function hold(key: string, token: string): Lease {
    let ended = false
    const timer = setRepeating(attempt, LEASE_MS / 3, renew, link.fault, LEASE)
    timer.unref()
    const stopRenewing = () => clearTimer(timer)

    function renew() {
      link
        .run((client) => renewal.run(client, [key], [token, LEASE_MS]))
        .then((ours) => {
          if (ours === 0) stopRenewing()
        })
        // The next time may do.
        .catch(() => undefined)
    }

    return {
      stopRenewing,
      end(outcome) {
        if (ended) return
        ended = true
        stopRenewing()
        // If it is not told, it runs out.
        const done = settle(key, token, outcome)
          .finally(() => ending.delete(done))
          .catch((error: unknown) => link.fault(error, LEASE))
        ending.add(done)
      },
    }
  }

  async function settle(key: string, token: string, outcome: Outcome | Promise<Outcome>): Promise<void> {
    const word = await outcome
    const message = `${key} ${token} ${word}`
    await link
      .run((client) => release.run(client, [key], [token, word, WORD_MS[word], CHANNEL, message]))
      // Then it runs out.
      .catch(() => undefined)
  }

  return { take, hold, settled: async () => void (await Promise.allSettled(ending)) }
}
