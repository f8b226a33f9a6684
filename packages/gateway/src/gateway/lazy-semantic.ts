import type { Settings } from '../config/settings.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { createRepeater } from '../redis/repeat.ts'
import type { SemanticCache } from '../semantic/create.ts'
import type { AnswerVerdict } from '../semantic/labels.ts'
import { createSemanticCounters, semanticStatsOf } from '../semantic/stats.ts'
import type { SemanticAdmin } from '../semantic/store/port.ts'
import { detached, type Fault } from '../util/faults.ts'
import type { Stats } from './stats.ts'

export type LazySemanticCache = ReturnType<typeof createLazySemanticCache>

/** The semantic cache of one gateway. Its modules are loaded by the first call or admin method that needs them. */
export function createLazySemanticCache(
  { semantic, cache, key, quota }: Settings,
  connection: RedisConnection | undefined,
  log: LimitedLog,
  fault: Fault,
) {
  const pending = new Set<Promise<void>>()
  const track = (work: Promise<void>) => {
    pending.add(work)
    detached(
      work.finally(() => pending.delete(work)),
      fault,
      'the semantic cache',
    )
  }
  const deletions = createRepeater(fault)
  const counters = createSemanticCounters()
  let loading: Promise<SemanticCache> | undefined
  let loaded: SemanticCache | undefined

  async function open(): Promise<SemanticCache> {
    const { createSemanticCache } = await import('../semantic/create.ts')
    const keyLocking = quota?.keyLocking ?? false
    const { sharedBytes } = cache
    loaded = createSemanticCache({
      settings: semantic,
      key,
      sharedBytes,
      keyLocking,
      redis: connection,
      track,
      warn: log,
    })
    return loaded
  }

  async function load(): Promise<SemanticCache> {
    loading ??= open()
    return await loading
  }

  const admin: SemanticAdmin = {
    list: async (...args) => (await load()).store.admin.list(...args),
    inspect: async (...args) => (await load()).store.admin.inspect(...args),
    remove: async (...args) => (await load()).store.admin.remove(...args),
    pin: async (...args) => (await load()).store.admin.pin(...args),
  }
  return {
    load: async () => (await load()).parts,
    /** Returns the exact cache's key of an entry. */
    exactOf: async (entryKey: string) => await (await load()).store.admin.exactOf(entryKey),
    /** Learns what a person says of an entry. */
    learn: async (entryKey: string, verdict: AnswerVerdict) => await (await load()).label(entryKey, verdict),
    /** Deletes an answer that upstream has deleted; while Redis is unavailable, as soon as it is back. */
    async forget(answerId: string) {
      const { index } = semantic
      const isLocal = connection === undefined && (index === 'flat' || index.type !== 'backend')
      if (loaded === undefined && isLocal) return
      const { store } = await load()
      await deletions.run(answerId, () => store.admin.forget(answerId)).catch(() => undefined)
    },
    admin: counters.counted(admin),
    close() {
      deletions.close()
      loaded?.store.close()
    },
    count: counters.count,
    async settled() {
      // Work that ends may start more.
      while (pending.size > 0) await Promise.allSettled(pending)
      await loaded?.learner.auto.settled()
      await loaded?.store.settled()
    },
    stats(): Pick<Stats, 'semantic'> {
      const { learner } = loaded ?? {}
      if (learner === undefined) return {}
      const agents = [...counters.agents].map(
        ([agent, counts]) => [agent, semanticStatsOf(counts, learner.known(agent))] as const,
      )
      return { semantic: Object.fromEntries(agents) }
    },
  }
}
