import type { CacheStore } from '../cache/store.ts'
import type { AnswerVerdict, LabelResult } from '../semantic/labels.ts'
import type { LazySemanticCache } from './lazy-semantic.ts'
import { purgeAll } from './purge.ts'

/**
 * Learns a person's verdict on an entry, and removes a wrong answer from both caches. Learns first: a removed entry cannot
 * be read.
 * @throws RedisUnavailable when entries in Redis cannot be reached.
 */
export async function labelEntry(
  key: string,
  verdict: AnswerVerdict,
  cache: CacheStore,
  semanticCache: LazySemanticCache,
): Promise<LabelResult | undefined> {
  const learned = await semanticCache.learn(key, verdict)
  if (learned === undefined) return undefined
  return { ...learned, removed: verdict.right ? 0 : await purgeAll({ key }, cache, semanticCache) }
}
