/**
 * Tokens by kind. `input` includes `cachedInput`, `cacheWrite` and `audioInput`; `output` includes `reasoning`,
 * `audioOutput`, and rejected predicted tokens.
 */
export type Usage = {
  input: number
  cachedInput: number
  audioInput: number
  output: number
  reasoning: number
  audioOutput: number
  /** Input written to upstream's cache, which newer models charge for. Absent where there was none. */
  cacheWrite?: number
  /** Calls of hosted tools (web search and the like), billed per call. Absent where there were none. */
  hostedCalls?: number
}

export const totalTokens = ({ input, output }: Usage) => input + output

/** Usage counted by upstream, or, if its count never came, an upper estimate (`estimated`). */
export type MeteredUsage = {
  usage: Usage
  estimated: boolean
  /** Set when no tokeniser was available: the count is an upper bound, and has no price. */
  unknown?: true
  /** The service tier billed: the one that answered, else the requested one. */
  tier?: string | undefined
  /**
   * Knowledge of upstream's bill for this attempt. `told`: upstream's own usage, complete and consistent. `none`:
   * provably not billed. Absent: anything up to the worst case.
   */
  bill?: 'told' | 'none'
  /** Set when the answer did not name its tier: `tier` is the requested one. */
  tierUnreported?: true
}

/** No tokens seen. Does not imply that upstream bills nothing. */
export const NO_USAGE: MeteredUsage = {
  usage: { input: 0, cachedInput: 0, audioInput: 0, output: 0, reasoning: 0, audioOutput: 0 },
  estimated: false,
}

/** No tokens and provably no bill: the request never left, or upstream refused it unprocessed. */
export const UNBILLED: MeteredUsage = { ...NO_USAGE, bill: 'none' }

/** Usage that could not be counted. */
export const UNMETERED: MeteredUsage = { ...NO_USAGE, estimated: true, unknown: true }
