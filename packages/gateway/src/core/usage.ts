/**
 * Tokens by kind. `input` includes `cachedInput`, `cacheWrite` and `audioInput`; `output` includes `reasoning`,
 * `audioOutput`, and predicted tokens that were rejected.
 */
export type Usage = {
  input: number
  cachedInput: number
  audioInput: number
  output: number
  reasoning: number
  audioOutput: number
  /** Input that was written to upstream's cache, which newer models charge for; absent where there was none. */
  cacheWrite?: number
  /** Calls of hosted tools (web search and the like), billed by the call and not by the token; absent where there were none. */
  hostedCalls?: number
}

export const totalTokens = ({ input, output }: Usage) => input + output

/** Tokens as upstream counted them; `estimated`: as we did, from above, because its count never came. */
export type MeteredUsage = {
  usage: Usage
  estimated: boolean
  /** The count is a bound and no estimate, since there was no tokeniser to be had: it has no price. */
  unknown?: true
  /** The service tier that was billed: the one that answered, or the one that was asked. */
  tier?: string | undefined
  /**
   * What is known of upstream's bill for this attempt. `told`: the usage is upstream's own, whole and consistent.
   * `none`: the attempt was provably not billed. Absent: the bill may be anything up to the worst case.
   */
  bill?: 'told' | 'none'
  /** The answer did not name its tier: `tier` is what was asked. */
  tierUntold?: true
}

/** No tokens seen. Says nothing of what upstream may bill. */
export const NO_USAGE: MeteredUsage = {
  usage: { input: 0, cachedInput: 0, audioInput: 0, output: 0, reasoning: 0, audioOutput: 0 },
  estimated: false,
}

/** No tokens, and provably no bill: the request never left, or upstream refused it unprocessed. */
export const UNBILLED: MeteredUsage = { ...NO_USAGE, bill: 'none' }

/** What could not be counted. */
export const UNMETERED: MeteredUsage = { ...NO_USAGE, estimated: true, unknown: true }
