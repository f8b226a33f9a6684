import type { Settings } from '../config/settings.ts'
import type { RedisConnection } from '../redis/connection.ts'
import type { SemanticCache } from '../semantic/create.ts'
import { createSemanticCounters, semanticStatsOf } from '../semantic/stats.ts'
import type { SemanticAdmin } from '../semantic/store/port.ts'
import { detached, type Fault } from '../util/faults.ts'
import type { Warn } from '../util/log.ts'
import type { Stats } from './stats.ts'

export type LazySemanticCache = ReturnType<typeof createLazySemanticCache>

/** The semantic cache of one gateway: opened by the first call that needs it, or by whoever looks into it. */
export function createLazySemanticCache(
  { semantic, cache, key, quota }: Settings,
  link: RedisConnection | undefined,
  say: Warn,
  fault: Fault,
) {
  const underWay = new Set<Promise<void>>()
  const track = (work: Promise<void>) => {
    underWay.add(work)
    detached(
      work.finally(() => underWay.delete(work)),
      fault,
      'the semantic cache',
    )
  }
  const tally = createSemanticCounters()
  let opening: Promise<SemanticCache> | undefined
  let opened: SemanticCache | undefined

  async function open(): Promise<SemanticCache> {
    const { createSemanticCache: openSemantic } = await import('../semantic/create.ts')
    const keyLocking = quota?.keyLocking ?? false
    const { sharedBytes } = cache
    opened = openSemantic({ settings: semantic, key, sharedBytes, keyLocking, redis: link, track, warn: say })
    return opened
  }

  async function it(): Promise<SemanticCache> {
    opening ??= open()
    return await opening
  }

  const admin: SemanticAdmin = {
    list: async (...args) => (await it()).store.admin.list(...args),
    inspect: async (...args) => (await it()).store.admin.inspect(...args),
    remove: async (...args) => (await it()).store.admin.remove(...args),
    pin: async (...args) => (await it()).store.admin.pin(...args),
  }
  return {
    load: async () => (await it()).parts,
    exactOf: async (key: string) => await (await it()).store.admin.exactOf(key),
    /** Upstream was told to delete that answer. While Redis is away it is not served; it expires there in its time. */
    async forget(answerId: string) {
      // There may be entries of other processes, or in a store elsewhere.
      const { index } = semantic
      const isHere = link === undefined && (index === 'flat' || index.type !== 'backend')
      if (opened === undefined && isHere) return
      await (await it()).store.admin.forget(answerId).catch(() => undefined)
    },
    admin: tally.counted(admin),
    close: () => opened?.store.close(),
    count: tally.count,
    async settled() {
      // What goes on may set more going.
      while (underWay.size > 0) await Promise.allSettled(underWay)
      await opened?.store.settled()
    },
    stats(): Pick<Stats, 'semantic'> {
      const { learner } = opened ?? {}
      if (learner === undefined) return {}
      const told = [...tally.agents].map(
        ([agent, counts]) => [agent, semanticStatsOf(counts, learner.known(agent))] as const,
      )
      return { semantic: Object.fromEntries(told) }
    },
  }
}
