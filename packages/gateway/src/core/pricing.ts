import type { NanoUsd } from './money.ts'
import type { Usage } from './usage.ts'

/** US dollars per million tokens. Audio is absent if its price is not published. */
export type Rates = {
  input: number
  cachedInput: number
  output: number
  /** Absent if input that upstream writes to its cache costs the same as other input. */
  cacheWrite?: number
  audioInput?: number
  audioOutput?: number
}

/** Tokens of a worst case; audio is part of `input` and `output`. */
export type Tokens = Pick<Usage, 'input' | 'audioInput' | 'output' | 'audioOutput'>

/**
 * Prices calls, in whole billionths of a dollar. Returns a promise only when the price library has to be loaded
 * first.
 */
export type PriceBook = {
  /** Rates of a call of ordinary size; `undefined` for a model without a price. */
  rates: (model: string) => Rates | undefined | Promise<Rates | undefined>
  /**
   * Prices `usage`, rounded up once. `tier` as in `service_tier`; absent: `default`. Returns `undefined` where a
   * price is unknown: of the model, the tier, or a hosted tool billed besides the tokens.
   */
  cost: (model: string, usage: Usage, tier?: string) => NanoUsd | undefined | Promise<NanoUsd | undefined>
  /**
   * Returns the highest cost of these tokens: input at the dearest of its rates (cached, written to a cache or
   * neither), audio at no less than text, all of it at the dearest tier. `undefined` where a possible price is
   * unknown. Tiers in `assumed` were not requested; a model without a price at one of them is not served at it.
   */
  worst: (
    model: string,
    tokens: Tokens,
    asked: readonly string[],
    assumed: readonly string[],
  ) => NanoUsd | undefined | Promise<NanoUsd | undefined>
  /** Largest number of output tokens of this model. */
  maxOutput: (model: string) => number
  /** Largest number of input tokens that one pass of this model can read. */
  window: (model: string) => number
}
