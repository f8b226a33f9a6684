/** What the semantic cache made of a call. */
export type Meaning = {
  /**
   * `hit`: it answered. `would-hit`: it would have, were it `on`. `veto`: the nearest question was near enough, but a
   * guard saw a difference. `below`: it was not near enough (with a reason: nor would it have passed). `nothing`: there was none. `ineligible`: such calls are not
   * asked by meaning. `unavailable`: no vector came in time. `explored`: asked afresh to learn.
   */
  outcome: 'hit' | 'would-hit' | 'veto' | 'below' | 'nothing' | 'ineligible' | 'unavailable' | 'explored'
  /** Of a veto, the guard; of an ineligible or unavailable call, why. As a word. */
  reason?: string
  /** Cosine of the nearest question. */
  similarity?: number
  /** What it had to reach. */
  threshold?: number
  /** The nearest entry, for `inspect`. */
  entry?: string
}
