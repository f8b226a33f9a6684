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

/** Where a policy is from: live, or as the process was started. */
export type PolicySource = 'redis' | 'option' | 'file' | 'default'

export type PolicyStats = {
  /** Of what is in force; 0: nothing was ever changed live. */
  version: number
  /** Where the policy is from. With a `version`, switches of that version lie over it. */
  source: PolicySource
  /** When it came into force, in milliseconds since the epoch; absent: when the program was started. */
  followedAt?: number
  /** What Redis holds instead, and why it is not obeyed. */
  refused?: { version: number; why: string }
}

export type PolicyFollower = {
  /** Settles when Redis has told what is in force, or did not within its deadline. Never rejects. */
  ready: Promise<void>
  /** A version that somebody has heard of in passing. */
  told: (version: number) => void
  /** With each call: it costs no command, unless nobody has looked for a minute. */
  tick: () => void
  stats: () => PolicyStats
  close: () => void
}

type Options = {
  /** What the process was started with: in force until Redis has told, and where it tells of switches only. */
  own: { policy: Policy; source: PolicySource }
  /** @throws for what cannot be put in force: then the last one stays. */
  adopt: (live: Live) => void
  say: Warn
}

const LOOK_EVERY_MS = 60_000
/** Between two looks, however many messages come. */
const GAP_MS = 100
const RETRY_MS = 250
const RETRIES = 8
const LOOKING = 'following the live policy'
/** Versions of files are smaller: see `Change.version`. */
const FIRST_VERSION = 20_200_101_000_000

/**
 * Follows what is in force in Redis: by a message on a channel, which takes no time; by what others tell in passing,
 * where that was missed; and at last by looking, once a minute while there are calls. Whatever is not whole, not ours
 * or not newer is refused, and the last good one stays.
 */
export function followPolicy(link: RedisConnection, { own, adopt, say }: Options): PolicyFollower {
  const stats: PolicyStats = { version: 0, source: own.source }
  /** The last version that was looked at, obeyed or refused. */
  let seen = 0
  /** The highest that was told of, and one that was told of and never found. */
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
      // Redis is away. It may be back sooner than the next call.
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

  /** Keeps no program alive. */
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

/** Field names are as hostile as whoever wrote them. */
function presentable(reason: string): string {
  const lines = reason.split('\n')
  const more = lines.length > 3 ? ` (and ${lines.length - 3} more)` : ''
  const text = lines.slice(0, 3).join('; ').replace(/\p{C}/gu, '?')
  return `${text.slice(0, 300)}${more}`
}
