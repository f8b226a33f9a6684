import type { LimitedLog } from '../../core/log-codes.ts'
import { GatewayOptionsError } from '../../core/options-error.ts'
import type { Policy } from '../../core/policy.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { subscribe } from '../../redis/pubsub.ts'
import { backoffMs } from '../../util/backoff.ts'
import { errorText, messageOf } from '../../util/error-text.ts'
import { attempt, detached } from '../../util/faults.ts'
import { clearTimer, setTimer } from '../../util/timers.ts'
import { changeOf, MAX_VERSION } from './change.ts'
import type { Live } from './live.ts'
import type { PolicySource, PolicyStats } from './policy-stats.ts'
import { answerChannelOf, type GatewayProcess } from './presence.ts'
import { CHANNEL, type Found, readChange } from './store.ts'

export type PolicyFollower = {
  /** Resolves when Redis has answered, or failed to within its deadline. Never rejects. */
  ready: Promise<void>
  /** Reports a version that another source mentioned. */
  notifyVersion: (version: number) => void
  /** Called with each call: polls Redis if the last poll is over a minute old, else costs nothing. */
  poll: () => void
  stats: () => PolicyStats
  close: () => void
}

type Options = {
  /** Policy at the start of the process: in force until Redis answers, and whenever Redis holds only switches. */
  own: { policy: Policy; source: PolicySource }
  /** Puts a state in force. @throws if it is invalid: the last one then stays. */
  setPolicy: (live: Live) => void
  warn: LimitedLog
  /** What this gateway says of itself where an operator asks. */
  self: () => Omit<GatewayProcess, keyof PolicyStats>
}

const POLL_MS = 60_000
/** Smallest gap between two polls, however many messages arrive. */
const MIN_GAP_MS = 100
const RETRY = { min: 250, max: 32_000 }
const RETRIES = 8
const FOLLOWING = 'following the live policy'
/** Versions of policy files are smaller: see `Change.version`. */
const FIRST_VERSION = 20_200_101_000_000

/**
 * Follows the live policy in Redis: by messages on a channel, without delay; by versions mentioned elsewhere, if a
 * message was missed; and by polling once a minute while there are calls. An invalid, foreign or older state is
 * ignored, and the last good one stays.
 */
export function followPolicy(
  connection: RedisConnection,
  { own, setPolicy, warn, self }: Options,
): PolicyFollower {
  const stats: PolicyStats = { version: 0, source: own.source }
  /** The last version read, whether applied or ignored. */
  let lastRead = 0
  /** The highest version announced, and one that was announced but never found. */
  let announced = 0
  let neverFound = 0
  let polledAt = Number.NEGATIVE_INFINITY
  let polling: Promise<void> | undefined
  let pollTimer: NodeJS.Timeout | undefined
  let attempts = 0
  let closed = false

  function poll() {
    const wait = polledAt + MIN_GAP_MS - performance.now()
    if (polling || wait > 0) pollLater(Math.max(0, wait))
    else detached(pollNow(), connection.fault, FOLLOWING)
  }

  function pollNow(): Promise<void> {
    polling = pollOnce()
      .catch((error: unknown) => {
        connection.fault(error, FOLLOWING)
        retryLater()
      })
      .finally(() => {
        polling = undefined
      })
    return polling
  }

  async function pollOnce() {
    polledAt = performance.now()
    try {
      applyChange(await readChange(connection.run, lastRead))
      if (announced <= Math.max(lastRead, stats.version)) attempts = 0
      else if (!retryLater()) neverFound = announced
    } catch {
      // Redis is unavailable. It may return before the next call.
      retryLater()
    }
  }

  function retryLater(): boolean {
    if (attempts >= RETRIES) {
      attempts = 0
      announced = 0
      return false
    }
    pollLater(backoffMs(attempts + 1, RETRY))
    attempts += 1
    return true
  }

  /** The timer does not keep the process alive. */
  function pollLater(ms: number) {
    if (closed) return
    clearTimer(pollTimer)
    pollTimer = setTimer(attempt, ms, poll, connection.fault, FOLLOWING, poll)
    pollTimer.unref()
  }

  function applyChange({ version, text }: Found) {
    if (version <= 0) {
      lastRead = 0
      if (version < 0) return refuse(version, 'the key gw:{policy}:live holds no live policy')
      if (stats.version > 0) refuse(0, 'it is gone')
      return
    }
    if (text === undefined) return
    lastRead = version
    if (version === stats.version) return clearRefused()
    try {
      if (version < stats.version) throw new GatewayOptionsError('it is older than the version in force')
      const { policy, switches } = changeOf(text, version)
      setPolicy({ version, policy: { ...(policy ?? own.policy), version }, switches })
      stats.version = version
      stats.source = policy === undefined ? own.source : 'redis'
      stats.followedAt = Date.now()
      clearRefused()
    } catch (error) {
      refuse(version, messageOf(error) || errorText(error))
    }
  }

  function clearRefused() {
    delete stats.refused
  }

  function refuse(version: number, reason: string) {
    const why = printable(reason)
    if (stats.refused?.version === version && stats.refused.why === why) return
    stats.refused = { version, why }
    const stays = stats.version > 0 ? `version ${stats.version} stays` : "the program's own stays"
    const which = version > 0 ? `version ${version} of the live policy` : 'the live policy in Redis'
    warn('GW_POLICY_REJECTED', `${which} is ignored, and ${stays} in force: ${why}`, `${version > 0}`)
  }

  const ready = pollNow()
  const subscription = subscribe(connection, CHANNEL, {
    onListening: poll,
    onMessage(message) {
      const channel = answerChannelOf(message)
      if (channel !== undefined) answer(channel)
      else notifyVersion(/^\d{1,15}$/.test(message) ? Number(message) : 0)
    },
  })

  /** Says who this is. Redis may forbid it to publish: then the operator learns only that one more is there. */
  function answer(channel: string) {
    const said = connection.run((client) => client.publish(channel, JSON.stringify({ ...self(), ...stats })))
    detached(
      said.catch(() => undefined),
      connection.fault,
      FOLLOWING,
    )
  }

  function notifyVersion(version: number) {
    if (version < FIRST_VERSION || version > MAX_VERSION || closed) return
    if (version <= stats.version || version === lastRead || version === neverFound || version === announced)
      return
    announced = version
    attempts = 0
    poll()
  }

  return {
    ready,
    notifyVersion,
    poll() {
      if (performance.now() - polledAt > POLL_MS) poll()
    },
    stats: () => ({ ...stats }),
    close() {
      closed = true
      clearTimer(pollTimer)
      subscription.close()
    },
  }
}

/** Field names may be hostile, as they come from Redis. */
function printable(reason: string): string {
  const lines = reason.split('\n')
  const more = lines.length > 3 ? ` (and ${lines.length - 3} more)` : ''
  const text = lines.slice(0, 3).join('; ').replace(/\p{C}/gu, '?')
  return `${text.slice(0, 300)}${more}`
}
