import type { CallCounters } from '../account/counters.ts'
import type { SharedCacheStats } from '../cache/redis-store.ts'
import type { CrossProcessStats } from '../coalesce/cross-process.ts'
import type { Mode } from '../core/policy.ts'
import type { ProxyFailoverStats } from '../litellm/failover.ts'
import type { PolicyStats } from '../policy/live/follow.ts'
import type { QuotaStats } from '../quota/redis/quota.ts'
import type { RedisStats } from '../redis/connection.ts'
import type { SemanticStats } from '../semantic/stats.ts'
import type { SinkStats } from '../sinks/stats.ts'

/** Totals since the gateway was made. Dollars are US dollars. */
export type Stats = CallCounters & {
  /** Where records go, by name; absent where they go nowhere. */
  sinks?: Record<string, SinkStats>
  /** How calls found their way; absent without a LiteLLM proxy to fall back on. */
  litellm?: ProxyFailoverStats
  memoryCache: { entries: number; bytes: number }
  /** Answers by meaning, by agent; absent where no agent's are. */
  semantic?: Record<string, SemanticStats>
  /** Answers shared through Redis; absent without it. */
  sharedCache?: SharedCacheStats
  /** How calls of several processes shared upstream calls; absent unless they may. */
  crossProcess?: CrossProcessStats
  /** Who counts the quotas, and how often who did; absent without shared Redis. */
  quota?: QuotaStats
  /** The connection to shared Redis; absent without one. */
  redis?: RedisStats
  /** How the calls of this client's own agent go now. */
  mode: Mode
  /** Which policy is in force. */
  policy: PolicyStats
}
