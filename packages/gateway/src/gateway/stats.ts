import type { CallCounters, Counters } from '../account/counters.ts'
import type { MemoryCache } from '../cache/memory-store.ts'
import type { SharedCacheStats } from '../cache/redis-store.ts'
import type { CrossProcessStats } from '../coalesce/cross-process.ts'
import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Mode } from '../core/policy.ts'
import type { ProxyFailoverStats } from '../litellm/failover.ts'
import type { PolicyStats } from '../policy/live/policy-stats.ts'
import type { QuotaStats } from '../quota/redis/quota.ts'
import type { RedisStats } from '../redis/connection.ts'
import type { SemanticStats } from '../semantic/stats.ts'
import type { SinkStats } from '../sinks/stats.ts'

/** Totals since the gateway was made. Amounts are in US dollars. */
export type Stats = CallCounters & {
  /** Counters of each sink, by its name. Absent without sinks. */
  sinks?: Record<string, SinkStats>
  /** Calls that went through the LiteLLM proxy because the direct route had failed. Absent without a proxy. */
  litellm?: ProxyFailoverStats
  memoryCache: { entries: number; bytes: number }
  /** Counters of the semantic cache, by agent. Absent when no agent has used it. */
  semantic?: Record<string, SemanticStats>
  /** Counters of the exact cache in Redis. Absent without Redis. */
  sharedCache?: SharedCacheStats
  /** How often calls of several processes shared an upstream call. Absent unless `coalesce.crossProcess` is set. */
  crossProcess?: CrossProcessStats
  /** Where limits are counted, and how often. Absent without Redis. */
  quota?: QuotaStats
  /** State of the connection to Redis. Absent without Redis. */
  redis?: RedisStats
  /** Mode of this client's own agent. */
  mode: Mode
  /** The policy in force: its version and source. */
  policy: PolicyStats
}

export type StatsParts = {
  settings: Settings
  counters: Counters
  memoryCache: MemoryCache
  policy: () => CompiledPolicy
  failover: ProxyFailoverStats
  sinks: { stats: () => Record<string, SinkStats> }
  semanticCache: { stats: () => Pick<Stats, 'semantic'> }
  redis: { stats: () => Partial<Stats> } | undefined
}

/** Merges the counters of all parts. */
export function statsOf(parts: StatsParts): Stats {
  const { settings, counters, memoryCache, policy, failover, sinks, semanticCache, redis } = parts
  const ofSinks = sinks.stats()
  return {
    ...counters.snapshot(),
    ...(Object.keys(ofSinks).length > 0 && { sinks: ofSinks }),
    ...(settings.litellm !== undefined && { litellm: { ...failover } }),
    memoryCache: memoryCache.size(),
    mode: policy().modeOf(settings.agent),
    policy: { version: 0, source: settings.policySource },
    ...semanticCache.stats(),
    ...redis?.stats(),
  }
}
