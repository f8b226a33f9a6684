import type { Policy } from '../core/policy.ts'
import type { PurgeFilter } from '../entry/purge-filter.ts'
import type { SemanticAdmin } from '../semantic/store/port.ts'
import type { Stats } from './stats.ts'

/** What a client's `.gateway` offers. */
export type GatewayControls = {
  /**
   * Waits until every call so far is recorded, its answer where others find it, and its record delivered to every sink.
   * True: all of it was. False: not within `deadlineMs`, a sink takes nothing at the moment, or a record was refused or
   * dropped since the last `flush`, which says so once: `stats().sinks` counts them all.
   * @default 5000
   */
  flush: (deadlineMs?: number) => Promise<boolean>
  /**
   * Forgets cached answers, here, in Redis and in the memory of every process that shares it; resolves with how many
   * there were in Redis, or without Redis here. Everything given must match; `{}` forgets all of them.
   *
   * @example
   * await client.gateway.purge({ team: 'prod_customer', model: 'gpt-4o' })
   * @throws when Redis cannot be reached: this process has forgotten, others may have not.
   * @throws GatewayOptionsError for a field that does not exist.
   */
  purge: (what: PurgeFilter) => Promise<number>
  /**
   * `flush`, of every sink, then lets go of the cache; resolves as `flush` does, and what was not delivered is dropped.
   * Calls made afterwards still work, and those in line for a limit stay there.
   */
  close: (deadlineMs?: number) => Promise<boolean>
  stats: () => Stats
  /** Looks into the semantic cache, and mends it. */
  semantic: SemanticAdmin
  /** The policy in force, for whoever stands between callers and this gateway. */
  policy: () => Readonly<Policy>
  /** Waits until shared Redis has told the live policy, as the first calls do: no longer than `deadlines` allow. */
  ready: () => Promise<void>
}

export type Gateway = GatewayControls & {
  /** A drop-in for the `fetch` option of any OpenAI-speaking SDK. */
  fetch: typeof fetch
}
