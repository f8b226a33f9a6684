import { GatewayOptionsError } from '../../core/options-error.ts'
import type { Policy } from '../../core/policy.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { subscribe } from '../../redis/pubsub.ts'
import { errorText, messageOf } from '../../util/error-text.ts'
import { attempt, detached } from '../../util/faults.ts'
import type { Warn } from '../../util/log.ts'
import { clearTimer, setTimer } from '../../util/timers.ts'
import { changeOf, MAX_VERSION } from './change.ts'
import type { Live } from './live.ts'
import { CHANNEL, type Found, find } from './store.ts'

/** Source of a policy: live in Redis, or from the start of the process. */
export type PolicySource = 'redis' | 'option' | 'file' | 'default'

export type PolicyStats = {
  /** Version in force; 0: no live change was ever made. */
  version: number
  /** Source of the policy. With a `version`, the switches of that version apply on top. */
  source: PolicySource
  /** When it came into force, in milliseconds since the epoch. Absent: at the start of the program. */
  followedAt?: number
  /** Version in Redis that is ignored, and the reason. */
  refused?: { version: number; why: string }
}

export type PolicyFollower = {
  /** Resolves when Redis has answered, or failed to within its deadline. Never rejects. */
  ready: Promise<void>
  /** Reports a version that another source mentioned. */
  told: (version: number) => void
  /** Called with each call: polls Redis if the last poll is over a minute old, else costs nothing. */
  tick: () => void
  stats: () => PolicyStats
  close: () => void
}

type Options = {
  /** Policy at the start of the process: in force until Redis answers, and whenever Redis holds only switches. */
  own: { policy: Policy; source: PolicySource }
  /** Puts a state in force. @throws if it is invalid: the last one then stays. */
  adopt: (live: Live) => void
  say: Warn
}

const LOOK_EVERY_MS = 60_000
/** Smallest gap between two polls, however many messages arrive. */
const GAP_MS = 100
const RETRY_MS = 250
const RETRIES = 8
const LOOKING = 'following the live policy'
/** Versions of policy files are smaller: see `Change.version`. */
const FIRST_VERSION = 20_200_101_000_000

/**
 * Follows the live policy in Redis: by messages on a channel, without delay; by versions mentioned elsewhere, if a
 * message was missed; and by polling once a minute while there are calls. An invalid, foreign or older state is
 * ignored, and the last good one stays.
 */
export function followPolicy(link: RedisConnection, { own, adopt, say }: Options): PolicyFollower {
  const stats: PolicyStats = { version: 0, source: own.source }
  /** The last version read, whether applied or ignored. */
  let seen = 0
  /** The highest version announced, and one that was announced but never found. */
  let hoped = 0
  let vain = 0
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  let later: NodeJS.Timeout | undefined
  let tries = 0
  let closed = false

  function look() {
    const wait = lookedAt + GAP_MS - performance.now()
    if (looking || wait > 0) lookLater(Math.max(0, wait))
    else detached(lookNow(), link.fault, LOOKING)
  }

  function lookNow(): Promise<void> {
    looking = lookOnce()
      .catch((error: unknown) => {
        link.fault(error, LOOKING)
        tryAgain()
      })
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  async function lookOnce() {
    lookedAt = performance.now()
    try {
      obey(await find(link.run, seen))
      if (hoped <= Math.max(seen, stats.version)) tries = 0
      else if (!tryAgain()) vain = hoped
    } catch {
      // Redis is unavailable. It may return before the next call.
      tryAgain()
    }
  }

  function tryAgain(): boolean {
    if (tries >= RETRIES) {
      tries = 0
      hoped = 0
      return false
    }
    lookLater(RETRY_MS * 2 ** tries)
    tries += 1
    return true
  }

  /** The timer does not keep the process alive. */
  function lookLater(ms: number) {
    if (closed) return
    clearTimer(later)
    later = setTimer(attempt, ms, look, link.fault, LOOKING, look)
    later.unref()
  }

  function obey({ version, text }: Found) {
    if (version <= 0) {
      seen = 0
      if (version < 0) return refuse(version, 'what lies in its place is not one')
      if (stats.version > 0) refuse(0, 'it is gone')
      return
    }
    if (text === undefined) return
    seen = version
    if (version === stats.version) return settle()
    try {
      if (version < stats.version) throw new GatewayOptionsError('it is older')
      const { policy, switches } = changeOf(text, version)
      adopt({ version, policy: { ...(policy ?? own.policy), version }, switches })
      stats.version = version
      stats.source = policy === undefined ? own.source : 'redis'
      stats.followedAt = Date.now()
      settle()
    } catch (error) {
      refuse(version, messageOf(error) || errorText(error))
    }
  }

  function settle() {
    delete stats.refused
  }

  function refuse(version: number, reason: string) {
    const why = presentable(reason)
    if (stats.refused?.version === version && stats.refused.why === why) return
    stats.refused = { version, why }
    const stays = stats.version > 0 ? `version ${stats.version} stays` : "the program's own stays"
    const which = version > 0 ? `version ${version} of the live policy` : 'the live policy in Redis'
    say(`live policy ${version > 0}`, `${which} is not obeyed, and ${stays} in force: ${why}`)
  }

  const ready = lookNow()
  const ear = subscribe(link, CHANNEL, {
    onListening: look,
    onMessage: (message) => told(/^\d{1,15}$/.test(message) ? Number(message) : 0),
  })

  function told(version: number) {
    if (version < FIRST_VERSION || version > MAX_VERSION || closed) return
    if (version <= stats.version || version === seen || version === vain || version === hoped) return
    hoped = version
    tries = 0
    look()
  }

  return {
    ready,
    told,
    tick() {
      if (performance.now() - lookedAt > LOOK_EVERY_MS) look()
    },
    stats: () => ({ ...stats }),
    close() {
      closed = true
      clearTimer(later)
      ear.close()
    },
  }
}

/** Field names may be hostile, as they come from Redis. */
function presentable(reason: string): string {
  const lines = reason.split('\n')
  const more = lines.length > 3 ? ` (and ${lines.length - 3} more)` : ''
  const text = lines.slice(0, 3).join('; ').replace(/\p{C}/gu, '?')
  return `${text.slice(0, 300)}${more}`
}
