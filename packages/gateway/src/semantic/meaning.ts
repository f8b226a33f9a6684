/** What the semantic cache made of a call. */
export type Meaning = {
  /**
   * `hit`: it answered. `would-hit`: it would have, were it `on`. `veto`: the nearest question was near enough, but a
   * guard saw a difference. `below`: it was not near enough (with a reason: nor would it have passed). `nothing`: there was none. `ineligible`: such calls are not
   * asked by meaning. `unavailable`: no vector came in time. `explored`: asked afresh to learn. `unproven`: those around agree, but of this embedder too
   * little is known to believe them.
   */
  outcome:
    | 'hit'
    | 'would-hit'
    | 'veto'
    | 'below'
    | 'nothing'
    | 'ineligible'
    | 'unavailable'
    | 'explored'
    | 'unproven'
  /** Of a veto, the guard; of an ineligible or unavailable call, why. As a word. */
  reason?: string
  /** `agreement`: several entries around give the answer. `alone`: the nearest does. */
  path?: 'agreement' | 'alone'
  /** Of those who agree, from 0 to 1. */
  confidence?: number
  /** Cosine of the question that was answered, or of the nearest. */
  similarity?: number
  /** What the nearest has to reach where nobody supports it. */
  threshold?: number
  /** That entry, for `inspect`. */
  entry?: string
}
