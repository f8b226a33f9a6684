import type { MemoryCache } from '../cache/memory-store.ts'
import { createRedisCache } from '../cache/redis-store.ts'
import { createTieredCache } from '../cache/tiered-store.ts'
import type { CrossProcess } from '../coalesce/cross-process.ts'
import { createLeases } from '../coalesce/lease.ts'
import { createFlightEvents } from '../coalesce/notifications.ts'
import type { Settings } from '../config/settings.ts'
import type { Degraded } from '../core/record.ts'
import { followPolicy } from '../policy/live/follow.ts'
import type { Live } from '../policy/live/live.ts'
import { createRedisQuota } from '../quota/redis/quota.ts'
import type { RedisConnection, RedisState } from '../redis/connection.ts'
import { acquireConnection } from '../redis/pool.ts'
import type { Fault } from '../util/faults.ts'
import { rateLimited, type Warn } from '../util/log.ts'
import type { Stats } from './stats.ts'

/** All that processes have in common, over one connection to Redis: answers, limits, and calls under way. */
export function createRedisServices(
  redis: NonNullable<Settings['redis']>,
  settings: Settings,
  memory: MemoryCache,
  warn: (message: string) => void,
  adopt: (live: Live) => void,
  fault: Fault,
) {
  const { cache, quota, across, deadlines } = settings
  const { redisMs: deadlineMs, connectMs } = deadlines
  const say = rateLimited(warn)
  const link = acquireConnection(redis, { deadlineMs, connectMs, onChange: announcer(say, warn), fault })
  const onFull = () =>
    say('full', 'Redis is full: answers are found there, but none are stored. Limits hold.')
  const store = createRedisCache(link, {
    maxBytes: cache.sharedBytes,
    onFull,
    keyLocking: quota?.keyLocking ?? false,
  })
  const answers = createTieredCache(memory, store, { connection: link, localMs: cache.localMs })
  const following = settings.livePolicy ? followFor(settings, link, adopt, say) : undefined
  const onVersion = following?.notifyVersion
  const limits = quota && createRedisQuota(link, { ...quota, ...(onVersion && { onVersion }) })
  const abroad = across && crossProcessOver(link, across)

  return {
    link,
    answers,
    limits,
    abroad,
    following,
    /** What is wrong with Redis, if anything is. */
    condition(): Degraded | undefined {
      const { state } = link.stats()
      if (state === 'slow' || state === 'down') return state
      return store.stats().full ? 'full' : undefined
    },
    stats: (): Partial<Stats> => ({
      sharedCache: store.stats(),
      ...(limits ? { quota: limits.stats() } : {}),
      ...(abroad ? { crossProcess: { ...abroad.counts } } : {}),
      redis: link.stats(),
      ...(following ? { policy: following.stats() } : {}),
    }),
    async settled() {
      await Promise.all([answers.settled(), limits?.settled(), abroad?.leases.settled()])
    },
    /** What this process holds of the limits goes back. */
    leave: async () => limits?.leave(),
    close() {
      limits?.close()
      following?.close()
      abroad?.events.close()
      link.close()
    },
  }
}

function followFor(
  { policy, policySource: source }: Settings,
  link: RedisConnection,
  adopt: (live: Live) => void,
  say: Warn,
) {
  const own = { policy, source }
  return followPolicy(link, { own, setPolicy: adopt, warn: say })
}

function crossProcessOver(link: RedisConnection, { waitMs }: { waitMs: number }): CrossProcess {
  const counts = { leaders: 0, takeovers: 0, followers: 0, fallbacks: 0 }
  return { leases: createLeases(link), events: createFlightEvents(link), waitMs, counts }
}

const MEANWHILE =
  'Until it is back, answers stay in this process, and of each limit it uses what it was granted while Redis was there.'

/** Says that Redis has gone; and that it is back, if it has said that it had gone. */
function announcer(say: Warn, warn: (message: string) => void) {
  let goneAt: number | undefined
  return (state: RedisState, trouble: string | undefined) => {
    if (state === 'slow' || state === 'down') {
      if (say('away', `Redis is ${state}: ${trouble?.replace(/\.$/, '')}. ${MEANWHILE}`)) goneAt = Date.now()
    } else if (state === 'up' && goneAt !== undefined) {
      warn(`Redis is back after ${Math.ceil((Date.now() - goneAt) / 1_000)} s.`)
      goneAt = undefined
    }
  }
}
