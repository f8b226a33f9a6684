import { checkPurge, type PurgeFilter } from '../cache-entry/purge-filter.ts'
import type { Policy } from '../core/policy.ts'
import type { AnswerVerdict, LabelResult } from '../semantic/labels.ts'
import type { SemanticAdmin } from '../semantic/store/port.ts'
import { allKeptAlive, keptAlive } from '../util/keep-alive.ts'
import { deadlineOf } from '../util/timers.ts'
import { labelEntry } from './label.ts'
import type { LazySemanticCache } from './lazy-semantic.ts'
import type { Lifecycle, LifecycleParts } from './lifecycle.ts'
import { purgeAll } from './purge.ts'
import type { RedisServices } from './redis-services.ts'
import { type Stats, type StatsParts, statsOf } from './stats.ts'

/** Deadline of `flush` and `close` if none is given. */
const CLOSE_MS = 5_000

/** Controls of a gateway, at `client.gateway`. */
export type GatewayControls = {
  /**
   * Waits until each call so far is recorded, its answer is stored, and its record is delivered to every sink. Resolves
   * `false` if that takes longer than `deadlineMs`, if a sink takes no records at the moment, or if a record was rejected
   * or dropped since the last `flush`; `stats().sinks` counts all of those.
   * @param deadlineMs milliseconds. @default 5000
   *
   * @example
   * if (!(await client.gateway.flush())) console.warn(client.gateway.stats().sinks)
   */
  flush: (deadlineMs?: number) => Promise<boolean>
  /**
   * Deletes cached answers in this process, in Redis, and in the memory of every process that shares that Redis. All given
   * fields must match; `{}` matches every answer. Resolves with the number of answers deleted in Redis, or without Redis
   * in this process.
   *
   * @example
   * await client.gateway.purge({ team: 'prod_customer', model: 'gpt-4o' })
   * @throws RedisUnavailable when Redis cannot be reached: answers are deleted in this process, perhaps not in others.
   * @throws GatewayOptionsError for a field that does not exist.
   */
  purge: (filter: PurgeFilter) => Promise<number>
  /**
   * Flushes, then releases caches, sinks and the Redis connection; undelivered records are dropped. Later calls go
   * without cache and records; of a team whose limits are in Redis they are refused (503 `gateway_quota_unavailable`).
   * Queued calls keep waiting. Resolves as `flush` does.
   * @param deadlineMs milliseconds. @default 5000
   */
  close: (deadlineMs?: number) => Promise<boolean>
  /** Returns the gateway's counters since it was made. */
  stats: () => Stats
  /** Lists, inspects, deletes, pins and labels entries of the semantic cache. */
  semantic: SemanticControls
  /** Returns the policy in force. */
  policy: () => Readonly<Policy>
  /** Resolves once the live policy in Redis was read, or `deadlines.connectMs + deadlines.redisMs` have passed. */
  ready: () => Promise<void>
}

export type SemanticControls = SemanticAdmin & {
  /**
   * Takes a person's word on an answer that was served for a similar question. A wrong one is learned from, never served for
   * that question again, and removed from both caches, even if it is pinned. Resolves `undefined` if the entry is absent or
   * not readable.
   *
   * @example
   * const { entry, similarity } = record.semantic
   * await client.gateway.semantic.label(entry, { right: false, asked: question, similarity })
   * @throws RedisUnavailable when Redis cannot be reached.
   */
  label: (key: string, verdict: AnswerVerdict) => Promise<LabelResult | undefined>
}

type Parts = StatsParts &
  LifecycleParts & {
    lifecycle: Lifecycle
    semanticCache: LazySemanticCache
    redis: RedisServices | undefined
  }

export function createControls(parts: Parts): GatewayControls {
  const { lifecycle, deferred, cache, semanticCache, policy, redis } = parts
  return {
    semantic: allKeptAlive({
      ...semanticCache.admin,
      label: (key: string, verdict: AnswerVerdict) => labelEntry(key, verdict, cache, semanticCache),
    }),
    flush: (deadlineMs) => keptAlive(lifecycle.flush, deadlineOf(deadlineMs, CLOSE_MS)),
    purge: (filter) =>
      keptAlive(async () => {
        deferred.run()
        return await purgeAll(checkPurge(filter), cache, semanticCache)
      }),
    close: (deadlineMs) => keptAlive(lifecycle.close, deadlineOf(deadlineMs, CLOSE_MS)),
    stats() {
      deferred.run()
      return statsOf(parts)
    },
    policy: () => policy().policy,
    ready: () =>
      keptAlive(async () => {
        await redis?.starting()
      }),
  }
}
