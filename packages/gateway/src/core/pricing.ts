import type { NanoUsd } from './money.ts'
import type { Usage } from './usage.ts'

/** US dollars per million tokens. Audio is absent where nobody has published its price. */
export type Rates = {
  input: number
  cachedInput: number
  output: number
  /** Absent where input that upstream writes to its cache costs what other input costs. */
  cacheWrite?: number
  audioInput?: number
  audioOutput?: number
}

/** Tokens of a worst case; audio is part of `input` and `output`. */
export type Tokens = Pick<Usage, 'input' | 'audioInput' | 'output' | 'audioOutput'>

/** Prices of calls, in whole billionths of a dollar. A promise only when the price library has to be loaded first. */
export type PriceBook = {
  /** Rates of a call of ordinary size; `undefined` for a model without a price. */
  rates: (model: string) => Rates | undefined | Promise<Rates | undefined>
  /**
   * Prices `usage`, rounded up once. `tier` as in `service_tier`, `default` where absent. `undefined` where a price is
   * not known: of the model, of the tier, or of a hosted tool, whose calls are billed besides the tokens.
   */
  cost: (model: string, usage: Usage, tier?: string) => NanoUsd | undefined | Promise<NanoUsd | undefined>
  /**
   * The most that these tokens can cost: input at the dearest of its rates (cached, written to a cache or neither),
   * audio at no less than text, the whole at the dearest tier. `undefined` where a price that may be billed is not
   * known. A tier in `assumed` was not asked for; a model that has no price at it is not served at it.
   */
  worst: (
    model: string,
    tokens: Tokens,
    asked: readonly string[],
    assumed: readonly string[],
  ) => NanoUsd | undefined | Promise<NanoUsd | undefined>
  /** The most output tokens that an answer of this model can have. */
  maxOutput: (model: string) => number
  /** The most input tokens that one pass of this model can read. */
  window: (model: string) => number
}
