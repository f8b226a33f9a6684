import type { MemoryCache } from '../cache/memory-store.ts'
import { createRedisCache } from '../cache/redis-store.ts'
import { createTieredCache } from '../cache/tiered-store.ts'
import type { CrossProcess } from '../coalesce/cross-process.ts'
import { createLeases } from '../coalesce/lease.ts'
import { createFlightEvents } from '../coalesce/notifications.ts'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../core/log-codes.ts'
import type { Degraded } from '../core/record.ts'
import { followPolicy } from '../policy/live/follow.ts'
import type { Live } from '../policy/live/live.ts'
import { createRedisQuota } from '../quota/redis/quota.ts'
import type { OnRedisChange, RedisConnection } from '../redis/connection.ts'
import { acquireConnection } from '../redis/pool.ts'
import type { Fault } from '../util/faults.ts'
import { rateLimited } from '../util/log.ts'
import { settlesWithin } from '../util/timeout.ts'
import { createIdentity } from './identity.ts'
import type { Stats } from './stats.ts'

export type RedisServices = ReturnType<typeof createRedisServices>

/** Creates what processes share over one connection to Redis: cache, limits, live policy, calls in flight. */
export function createRedisServices(
  redis: NonNullable<Settings['redis']>,
  settings: Settings,
  memory: MemoryCache,
  log: Log,
  adopt: (live: Live) => void,
  fault: Fault,
) {
  const { quota, deadlines } = settings
  const { redisMs: deadlineMs, connectMs } = deadlines
  const limitedLog = rateLimited(log)
  const onChange = stateLogger(log)
  const connection = acquireConnection(redis, { deadlineMs, connectMs, onChange, fault })
  const store = createRedisCache(connection, {
    maxBytes: settings.cache.sharedBytes,
    onFull: () => limitedLog('GW_REDIS_FULL', FULL),
    keyLocking: quota?.keyLocking ?? false,
  })
  const cache = createTieredCache(memory, store, { connection, localMs: settings.cache.localMs })
  const { policy, policySource: source } = settings
  const policyFollower = settings.livePolicy
    ? followPolicy(connection, {
        own: { policy, source },
        setPolicy: adopt,
        warn: limitedLog,
        self: createIdentity(settings.agent),
      })
    : undefined
  const onVersion = policyFollower?.notifyVersion
  const limits = quota && createRedisQuota(connection, { ...quota, ...(onVersion && { onVersion }) })
  const crossProcess = settings.crossProcess && createCrossProcess(connection, settings.crossProcess)
  let starting =
    policyFollower &&
    settlesWithin(policyFollower.ready, connectMs + deadlineMs).then(() => {
      starting = undefined
    })

  return {
    connection,
    cache,
    limits,
    crossProcess,
    policyFollower,
    /** Returns a promise while the live policy is being read at the start, for as long as `deadlines` allow. */
    starting: (): Promise<void> | undefined => starting,
    /** Returns how Redis fails to serve: `down`, `slow` or `full`; `undefined` if it serves. */
    degradation(): Degraded | undefined {
      const { state } = connection.stats()
      if (state === 'slow' || state === 'down') return state
      return store.stats().full ? 'full' : undefined
    },
    stats: (): Partial<Stats> => ({
      sharedCache: store.stats(),
      ...(limits ? { quota: limits.stats() } : {}),
      ...(crossProcess ? { crossProcess: { ...crossProcess.counts } } : {}),
      redis: connection.stats(),
      ...(policyFollower ? { policy: policyFollower.stats() } : {}),
    }),
    async settled() {
      await Promise.all([cache.settled(), limits?.settled(), crossProcess?.leases.settled()])
    },
    /** Gives back what this process holds of the limits. */
    leave: async () => limits?.leave(),
    close() {
      limits?.close()
      policyFollower?.close()
      crossProcess?.events.close()
      connection.close()
    },
  }
}

function createCrossProcess(connection: RedisConnection, { waitMs }: { waitMs: number }): CrossProcess {
  const counts = { leaders: 0, takeovers: 0, followers: 0, fallbacks: 0 }
  return { leases: createLeases(connection), events: createFlightEvents(connection), waitMs, counts }
}

const FULL = 'Redis is full: cached answers are read and none are stored. Limits hold.'
const WITHOUT =
  'Until it is back, answers stay in this process, and limits are spent from what it was granted while Redis was there.'

/** Logs that Redis is unavailable, at most once a minute, and that it is back, if the former was logged. */
function stateLogger(log: Log): OnRedisChange {
  const limitedLog = rateLimited(log)
  let unavailableSince: number | undefined
  return (state, reason, isUnusable) => {
    if (isUnusable)
      log('GW_PACKAGE_UNUSABLE', `${reason} No process shares anything with this one. ${WITHOUT}`)
    else if (state === 'slow' || state === 'down') {
      const message = `Redis is ${state}: ${reason?.replace(/\.$/, '')}. ${WITHOUT}`
      if (limitedLog('GW_REDIS_UNAVAILABLE', message)) unavailableSince = performance.now()
    } else if (state === 'up' && unavailableSince !== undefined) {
      log(
        'GW_REDIS_BACK',
        `Redis is back after ${Math.ceil((performance.now() - unavailableSince) / 1_000)} s.`,
      )
      unavailableSince = undefined
    }
  }
}
