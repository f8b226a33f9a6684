/** US dollars per million tokens, as price lists print them. */
export type ModelPolicy = {
  /** @default the price list's */
  input?: number
  /** @default the price list's */
  cachedInput?: number
  /** @default the price list's */
  output?: number
  /** Price of input that upstream writes to its cache, if it has its own. @default input */
  cacheWrite?: number
  /** @default the price list's */
  audioInput?: number
  /** @default the price list's */
  audioOutput?: number
  /** Largest number of tokens the model can write: the worst case of a call that sets no maximum. @default 128000 */
  maxOutput?: number
  /**
   * Largest number of tokens the model can read: the worst case of input whose size the request does not tell
   * (earlier turns, stored prompts, files, output of hosted tools). @default OpenAI's figure for its own models, else
   * 2097152
   */
  contextWindow?: number
}

export type ExactPolicy = {
  /** Seconds an answer is served. @default 86400 */
  ttlSeconds?: number
  /** Seconds after `ttlSeconds` in which it is served while upstream is down (stale-if-error). @default 3600 */
  staleIfErrorSeconds?: number
  /**
   * Seconds after `ttlSeconds` in which it is served at once and refreshed in the background
   * (stale-while-revalidate). @default 0
   */
  staleWhileRevalidateSeconds?: number
}

/** Differences between two similar questions that change the answer, in the order of checking. */
export const GUARD_NAMES = [
  'length',
  'foreign',
  'language',
  'freshness',
  'actions',
  'numbers',
  'identifiers',
  'dates',
  'units',
  'negation',
  'conditions',
  'entities',
  'antonyms',
  'modifier',
  'order',
  'wording',
] as const

export type GuardName = (typeof GUARD_NAMES)[number]

/** What the semantic cache may do, the least first. */
export type SemanticMode = 'off' | 'shadow' | 'auto' | 'on'

/** Serves answers to questions that were asked before in other words. */
export type SemanticPolicy = {
  /**
   * `shadow`: serves nothing, and records what it would have served; start with it. `auto`: shadow until judgements prove
   * `errorBudget` and hits save more than the cache costs, then on, and back as soon as either fails. @default 'off'
   */
  mode?: SemanticMode
  /**
   * Cosine from which an answer serves without support by other entries, until labels move it. @default the
   * embedder's calibration, else 0.95
   */
  threshold?: number
  /** Lowest cosine at which near-misses are judged and learned from. @default 0.8 */
  judgeFrom?: number
  /** Seconds an answer may be served to others. @default 604800, 7 days */
  ttlSeconds?: number
  /** Share of semantic hits that may be wrong, with 95 % confidence. @default 0.01 */
  errorBudget?: number
  /**
   * Model that decides whether a candidate would have served and which answers agree: asked for the share `rate` of
   * near-misses, at most `perHour` times an hour.
   */
  judge?:
    | false
    | {
        /** @default 'gpt-4o-mini' */
        model?: string
        /** Share of near-misses, 0 to 1. @default 1 */
        rate?: number
        /** @default 60 */
        perHour?: number
      }
  /**
   * Serves an answer only after a second, different call received the same one. This keeps one-off wrong answers and
   * planted ones from being served; hits come later, and need a judge. @default false
   */
  requireConfirmation?: boolean
  /**
   * `true`: an answer may be given to another end user, as named by `user`, `safety_identifier`, or the user of the
   * gateway's controls. Otherwise each named user has entries of their own, and calls that name none share theirs.
   * @default false
   */
  shareBetweenUsers?: boolean
  /** Guards that may veto, by name. @default all of them */
  guards?: GuardName[]
}

export type CachePolicy = {
  /** `false` switches the exact cache off. */
  exact?: false | ExactPolicy
  /** `false` switches the semantic cache off, whatever inner layers say. */
  semantic?: false | SemanticPolicy
  /** Shares answers with every team. `false`: a team sees only its own. @default false */
  shared?: boolean
  /**
   * `false`: answers are shared only between calls of one end user, identified by `user`, `safety_identifier`, and
   * the user and session of the gateway's controls; calls without any of these share nothing. Inner layers cannot
   * undo it. @default true
   */
  sharedBetweenUsers?: boolean
  /**
   * `true`: leaves credentials out of the cache key, for a team whose callers hold different keys of one account. To
   * share through Redis they need a common team key or `cache.exact.secret`. @default false
   */
  sharedBetweenAccounts?: boolean
}

export type OnRedisUnavailable = {
  /**
   * Requests and tokens. `local`: each process uses its share of the limit; `reject`: calls get a 503. @default
   * 'local'
   */
  rates?: 'local' | 'reject'
  /**
   * `local`: each process spends the amount granted while Redis was available; `reject`: calls get a 503. @default
   * 'local'
   */
  dollars?: 'local' | 'reject'
  /**
   * Share of each limit, 0 to 0.5, that is lent to all processes together for an outage. During the first minute
   * without Redis, a process has its lease alone; of dollars it never has more. No other process can use a lent
   * share. @default 0.05
   */
  leased?: number
  /**
   * US dollars of `usdPerDay` reserved for processes that were never granted any, such as one that starts during an
   * outage. Each may spend this amount divided by the number of processes (`quota.processes`, or 8). Without it,
   * their calls get a 503. @default 0
   */
  allowanceUsd?: number
  /**
   * Share of `rpm` and `tpm`, 0 to 0.5, reserved for processes without a lease: those that just started, or were idle. In
   * the first minute of an outage others may have used the limits, so each such process may use this share divided by
   * the number of processes, rounded down, and the limits hold over all; of nothing, its calls get a 503. Without this
   * field nothing is reserved, and each such process may make one request, so that its call goes on.
   */
  allowance?: number
}

export type TeamPolicy = {
  agents?: string[]
  /** Requests admitted in any 60 seconds. @default no limit */
  rpm?: number
  /** Tokens in any 60 seconds. @default no limit */
  tpm?: number
  /**
   * `expected` reserves the usual usage of such calls and carries the excess as debt; `strict` reserves the worst
   * case. @default 'expected'
   */
  tpmMode?: 'expected' | 'strict'
  /** US dollars in one day of the policy's time zone. Governed calls never exceed it. @default no limit */
  usdPerDay?: number
  /** Behaviour of a process that cannot reach Redis. A plain word sets both `rates` and `dollars`. @default 'local' */
  onRedisUnavailable?: 'local' | 'reject' | OnRedisUnavailable
  /** Models this team may name. @default every model of the policy */
  models?: string[]
  /** SHA-256 of each valid team key, in hex. The keys themselves are never written down. */
  keys?: string[]
  /** Refuses callers without a valid key. @default false */
  requireKey?: boolean
  /** At a limit, calls get an error at once, or wait in the queue. @default 'reject' */
  onLimit?: 'reject' | 'wait'
  /** Longest wait in the queue, in milliseconds; then the call gets the error. @default 30000 */
  maxWaitMs?: number
  /** Calls of this team that may wait in one process; more get `gateway_queue_full`. @default 1000 */
  maxQueued?: number
  cache?: false | CachePolicy
}

/**
 * How much of questions and answers is traced. `masked`: without personal data (e-mail addresses, telephone and card
 * numbers, IBANs). `off`: nothing. Keys are always removed.
 */
export type Capture = 'on' | 'masked' | 'off'

export type AgentPolicy = {
  cache?: false | CachePolicy
  /** @default 'masked' */
  capture?: Capture
  /** Queue priority: 0 goes first, 9 last. @default 5 */
  priority?: number
  /** How its calls go. @default the policy's */
  mode?: Mode
  /** `true`: its calls are refused. */
  disabled?: true
}

/** Cost bounds of tools that upstream runs (web search, code interpreter, MCP...), for teams with a daily budget. */
export type HostedToolsPolicy = {
  /**
   * Sent as `max_tool_calls` with Responses calls that offer hosted tools and set no maximum, or a larger one:
   * nothing else bounds the number of tool calls. @default 4, where the call sets none
   */
  maxToolCalls?: number
  /**
   * US dollars for one call of a tool, besides tokens, by the tool's `type`; `chat_search` for one chat completion of
   * a model that searches. A fee given here counts as exact. @default the highest price OpenAI has published
   */
  fees?: Record<string, number>
  /**
   * Largest cost of one call with hosted tools in US dollars, everything included. Replaces all other bounds: a call
   * that costs more exceeds the budget by the difference.
   */
  worstUsd?: number
}

/**
 * Which callers may use which models, their limits, and the routing. Plain data: JSON in a file, or this object in
 * code.
 */
export type Policy = {
  /** Orders policies: in Redis the limits of the highest version bind. @default 0 */
  version?: number
  /** How the calls of all agents go that set no mode. @default LLM_GATEWAY_MODE, or 'embedded' */
  mode?: Mode
  /** IANA name of the time zone whose midnight resets the daily budgets. @default 'UTC' */
  timezone?: string
  routing?: {
    /** Answers chat, Responses and completions calls that name no model, `auto`, or this one. @default none: calls go upstream as they are */
    default?: string
    /** Answers embeddings calls that name no model or `auto`. @default none: calls go upstream as they are */
    embeddings?: string
    /** Above this number of input tokens, counted exactly, the model `to` answers. @default none */
    escalate?: false | { above: number; to: string }
    /** Answers when the routed model fails; `false` switches failover off. @default none: errors are passed on */
    fallback?: false | string
    /** Maps a model to the one that answers in its place, whether it was chosen or named. @default none */
    aliases?: Record<string, string>
  }
  models?: Record<string, ModelPolicy>
  cache?: false | CachePolicy
  teams?: Record<string, TeamPolicy>
  agents?: Record<string, AgentPolicy>
  /** Tools that upstream runs and bills. */
  hostedTools?: HostedToolsPolicy
  /**
   * Service tier of upstream's project settings, used for calls that name no tier or `auto`. Without it, the worst
   * case of such calls is the dearest tier of their model. @default unknown
   */
  defaultServiceTier?: 'default' | 'flex' | 'scale' | 'priority'
  /**
   * Requests usage on streams whose caller did not. `openai`: only from OpenAI (every region) and Azure. Streams
   * without usage keep their worst case booked. @default 'openai'
   */
  streamUsage?: 'openai' | 'always' | 'never'
  /** Whether paid endpoints that are not governed (images, audio, batches...) pass or are refused. @default 'allow' */
  paidPassThrough?: 'allow' | 'refuse'
  /** Caches answers to calls that reference remote images or uploaded files, whose content may change. @default false */
  cacheRemoteContent?: boolean
}

/** How calls go: through the pipeline here, through a LiteLLM proxy, or directly to upstream. */
export type Mode = 'embedded' | 'litellm' | 'direct'
