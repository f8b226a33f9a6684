/** US dollars per million tokens, as price lists print them. */
export type ModelPolicy = {
  input?: number
  cachedInput?: number
  output?: number
  /** Input that upstream writes to its cache, where that has a price of its own. @default input */
  cacheWrite?: number
  audioInput?: number
  audioOutput?: number
  /** The most tokens the model can write; the worst case of a call that sets no maximum. */
  maxOutput?: number
  /**
   * The most tokens the model can read; the worst case of input whose size the request does not tell (earlier turns,
   * stored prompts, files, what hosted tools bring). @default OpenAI's figure for its own models, else 2097152
   */
  contextWindow?: number
}

export type ExactPolicy = {
  /** Seconds an answer is given again. @default 86400 */
  ttlSeconds?: number
  /** Seconds after that in which it is given while upstream is down. @default 3600 */
  staleIfErrorSeconds?: number
  /** Seconds after `ttlSeconds` in which it is given at once, and asked afresh in the background. @default 0 */
  staleWhileRevalidateSeconds?: number
}

/** What may differ between two questions that are alike, and changes the answer. In the order in which it is looked for. */
export const GUARD_NAMES = [
  'length',
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
  'order',
  'wording',
] as const

export type GuardName = (typeof GUARD_NAMES)[number]

/** Answers to questions that were asked before in other words. */
export type SemanticPolicy = {
  /** `shadow`: nothing is served; records tell what would have been. The safe way to start. @default 'off' */
  mode?: 'off' | 'shadow' | 'on'
  /** Cosine from which an answer serves that nobody else supports, until enough is known to move it. @default what was measured of the embedder; else 0.95 */
  threshold?: number
  /** From here up to the threshold, near-misses are judged, and learned from. @default 0.8 */
  band?: number
  /** Seconds an answer may be given to others. @default 604800, 7 days */
  ttlSeconds?: number
  /** Of the answers served by meaning, the part that may be wrong, with 95 % confidence. @default 0.01 */
  errorBudget?: number
  /**
   * Who says whether an answer would have served, and which answers say the same: a cheap model, for `rate` of what came
   * near, `perHour` at most. @default gpt-4o-mini, rate 1, 60 an hour
   */
  judge?: false | { model?: string; rate?: number; perHour?: number }
  /**
   * An answer serves only after a second, different call got one that says the same. One that is wrong for once, or was
   * put there by somebody who asks once, then serves nobody; hits come later, and need a judge. @default false
   */
  secondSighting?: boolean
  /** Guards that may veto, by name. @default all of them */
  guards?: GuardName[]
}

export type CachePolicy = {
  /** `false` switches the exact cache off. */
  exact?: false | ExactPolicy
  /** `false` switches the semantic cache off, whatever inner layers say. */
  semantic?: false | SemanticPolicy
  /** Answers may be shared with every team. Off: a team sees only its own. */
  shared?: boolean
  /**
   * `false`: answers are shared only between calls of one end user, as `user`, `safety_identifier`, and the user and
   * session of the gateway's controls name them; calls that name none share nothing. Said once, it holds for all inner
   * layers. @default true
   */
  sharedBetweenUsers?: boolean
  /**
   * `true`: credentials are no part of the cache key, for a team whose callers hold different keys of one account. They
   * need a team key or `cache.exact.secret` in common to share through Redis. @default false
   */
  sharedBetweenAccounts?: boolean
}

export type OnRedisUnavailable = {
  /** Requests and tokens. `share`: each process goes on with its part of them; `refuse`: calls get a 503. @default 'share' */
  rates?: 'share' | 'refuse'
  /** `share`: each process spends what it was granted while Redis was there; `refuse`: calls get a 503. @default 'share' */
  dollars?: 'share' | 'refuse'
  /**
   * The part of each limit, 0 to 0.5, that is granted to processes in case that they lose Redis, all together. For the
   * first minute without Redis, a process has its lease alone; of dollars, it never has more. While granted, a lease is
   * nobody else's to use. @default 0.05
   */
  leased?: number
  /**
   * US dollars of `usdPerDay` set apart for processes that were never granted any, such as one that starts while Redis
   * is away. Each may spend one part of it in as many as there are processes (`quota.processes`, or 8). Without it,
   * their calls get a 503. @default 0
   */
  allowanceUsd?: number
}

export type TeamPolicy = {
  agents?: string[]
  /** Requests admitted in any 60 seconds. */
  rpm?: number
  /** Tokens in any 60 seconds. */
  tpm?: number
  /** `expected` reserves what such calls usually take and carries the excess as debt; `strict` reserves the worst case. */
  tpmMode?: 'expected' | 'strict'
  /** US dollars in one day of the policy's time zone. Never exceeded by governed calls. */
  usdPerDay?: number
  /** What holds while a process cannot reach Redis; one word stands for both `rates` and `dollars`. @default 'share' */
  whenRedisIsAway?: 'share' | 'refuse' | OnRedisUnavailable
  /** Models this team may name; default: every model of the policy. */
  models?: string[]
  /** SHA-256 of each valid team key, in hex. The keys themselves are never written down. */
  keys?: string[]
  /** Refuse callers that show no valid key. */
  requireKey?: boolean
  /** At a limit, calls get an error at once, or wait in line. @default 'reject' */
  onLimit?: 'reject' | 'wait'
  /** Milliseconds a call waits at most; then it gets the error after all. @default 30000 */
  maxWaitMs?: number
  /** Calls of this team that may wait in one process; more get `gateway_queue_full`. @default 1000 */
  maxQueued?: number
  cache?: false | CachePolicy
}

/**
 * What is traced of questions and answers. `masked`: all but what reaches a person (e-mail addresses, telephone and card
 * numbers, IBANs). `off`: nothing. Keys are left out always.
 */
export type Capture = 'on' | 'masked' | 'off'

export type AgentPolicy = {
  cache?: false | CachePolicy
  /** @default 'masked' */
  capture?: Capture
  /** In line for a limit, 0 goes first and 9 last. @default 5 */
  priority?: number
  /** How its calls go. @default the policy's */
  mode?: Mode
  /** Its calls are refused. */
  off?: true
}

/** Bounds of what tools that upstream runs (web search, code interpreter, MCP...) may cost, for teams with a daily budget. */
export type HostedToolsPolicy = {
  /**
   * Sent as `max_tool_calls` with Responses calls that offer hosted tools and set no maximum, or a larger one: nothing
   * else bounds how often tools are called. @default 4, where the call sets none
   */
  maxToolCalls?: number
  /**
   * US dollars for one call of a tool besides tokens, by the tool's `type`; `chat_search` for one chat completion of a
   * model that searches. A fee given here is taken for the exact price. @default the highest price OpenAI has published
   */
  fees?: Record<string, number>
  /**
   * The most US dollars that one call with hosted tools can cost, all included. It takes the place of every other bound:
   * a call that costs more passes the budget by the difference.
   */
  worstUsd?: number
}

/** Who may call what, how much, and what answers. Plain data: JSON in a file, or this object in code. */
export type Policy = {
  version?: number
  /** How calls go, for all agents that say nothing else. @default LLM_GATEWAY_MODE, or 'embedded' */
  mode?: Mode
  /** IANA name of the zone whose midnight resets the daily budgets. */
  timezone?: string
  routing?: {
    /** Answers chat, Responses and completions calls that name no model, `auto`, or this one. */
    default?: string
    /** Answers embeddings calls that name no model or `auto`. */
    embeddings?: string
    /** Above this many input tokens, counted exactly, the other model answers. */
    escalate?: false | { above: number; to: string }
    /** Answers when the routed model fails; `false` switches failover off. */
    fallback?: false | string
    /** Who answers instead of a model, wherever that one was chosen or named. */
    swap?: Record<string, string>
  }
  models?: Record<string, ModelPolicy>
  cache?: false | CachePolicy
  teams?: Record<string, TeamPolicy>
  agents?: Record<string, AgentPolicy>
  /** Tools that upstream runs and bills. */
  hostedTools?: HostedToolsPolicy
  /**
   * The service tier in upstream's project settings, at which calls are answered that ask for none or for `auto`. Unless
   * it is given, the worst case of such calls is the dearest tier of their model. @default unknown
   */
  defaultServiceTier?: 'default' | 'flex' | 'scale' | 'priority'
  /**
   * Ask upstream for usage on streams that did not. `openai`: only from OpenAI (every region) and Azure. Streams without
   * usage leave their worst case booked. @default 'openai'
   */
  streamUsage?: 'openai' | 'always' | 'never'
  /** Paid endpoints that are not governed (images, audio, batches...): let them pass, or refuse them. */
  paidPassThrough?: 'allow' | 'refuse'
  /** Cache answers to calls that point at remote images or uploaded files, whose content may change. */
  cacheRemoteContent?: boolean
}

/** How calls go: through the pipeline here, through a LiteLLM proxy, or straight to upstream. */
export type Mode = 'embedded' | 'litellm' | 'direct'
