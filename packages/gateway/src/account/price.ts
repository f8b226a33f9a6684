import type { ModelPolicy } from '../policy/policy.ts'
import type { MicroUsd } from '../quota/store.ts'
import type { Usage } from './usage.ts'

/** US dollars per million tokens. */
export type Rates = {
  input: number
  cachedInput: number
  output: number
  audioInput: number
  audioOutput: number
}

type Priced = { type: 'flat'; rates: Rates } | { type: 'by-size'; model: string } | { type: 'unknown' }
type Library = typeof import('@pydantic/genai-prices')

export type PriceBook = ReturnType<typeof createPriceBook>

/** A hostile caller may name a million models. */
const MAX_MODELS = 1_000
/** For models of which nobody said how much they can write; none writes more. */
const LARGEST_OUTPUT = 128_000

/**
 * What calls cost. The policy's prices win; for other models `@pydantic/genai-prices` is loaded when the first of them
 * is seen. A model neither knows has no price: `undefined`, never 0 by accident.
 */
export function createPriceBook(models: Record<string, ModelPolicy>) {
  const known = new Map<string, Priced>()
  let library: Library | undefined

  for (const [model, { input, output, cachedInput, audioInput, audioOutput }] of Object.entries(models)) {
    if (input === undefined || output === undefined) continue
    const rates = {
      input,
      output,
      cachedInput: cachedInput ?? input,
      audioInput: audioInput ?? input,
      audioOutput: audioOutput ?? output,
    }
    known.set(model, { type: 'flat', rates })
  }

  async function lookUp(model: string): Promise<Priced> {
    library ??= await import('@pydantic/genai-prices')
    const found = library.calcPrice({ input_tokens: 0 }, model, { providerId: 'openai' })
    const priced = found === null ? ({ type: 'unknown' } as const) : fromLibrary(model, found.model_price)
    if (known.size >= MAX_MODELS) known.clear()
    known.set(model, withPolicy(priced, Object.hasOwn(models, model) ? models[model] : undefined))
    return known.get(model) ?? priced
  }

  function price(
    priced: Priced,
    model: string,
    usage: Usage,
    tier: string | undefined,
  ): MicroUsd | undefined {
    const factor = FACTORS[tier ?? 'default'] ?? (tier === 'priority' ? PRIORITY[model] : 1)
    if (priced.type === 'unknown' || factor === undefined) return undefined
    if (priced.type === 'flat') return microUsd(dollars(priced.rates, usage) * factor)
    const { input, output, cachedInput } = usage
    const tokens = { input_tokens: input, output_tokens: output, cache_read_tokens: cachedInput }
    const total = library?.calcPrice(tokens, priced.model, { providerId: 'openai' })?.total_price
    return total === undefined ? undefined : microUsd(total * factor)
  }

  return {
    /** In whole millionths of a dollar, rounded up once. A promise only when a model's price has to be looked up first. */
    cost(model: string, usage: Usage, tier?: string): MicroUsd | undefined | Promise<MicroUsd | undefined> {
      const priced = known.get(model)
      if (priced !== undefined) return price(priced, model, usage, tier)
      return lookUp(model).then((found) => price(found, model, usage, tier))
    },
    /** The most output tokens an answer of this model can have. */
    maxOutput: (model: string): number =>
      (Object.hasOwn(models, model) ? models[model]?.maxOutput : undefined) ?? LARGEST_OUTPUT,
  }
}

/** Batch and flex cost half. What OpenAI charges for priority differs by model. Source: its price list, 2026-11. */
const FACTORS: Record<string, number | undefined> = { default: 1, auto: 1, flex: 0.5, batch: 0.5 }
const PRIORITY: Record<string, number | undefined> = { 'gpt-4o': 1.7, 'gpt-4o-mini': 5 / 3 }

type LibraryPrices = Record<string, number | { base: number } | undefined>

function fromLibrary(model: string, prices: LibraryPrices): Priced {
  if (Object.values(prices).some((price) => typeof price === 'object')) return { type: 'by-size', model }
  const { input_mtok, cache_read_mtok, output_mtok, input_audio_mtok, output_audio_mtok } = prices as Record<
    string,
    number | undefined
  >
  if (input_mtok === undefined) return { type: 'unknown' }
  const output = output_mtok ?? 0
  return {
    type: 'flat',
    rates: {
      input: input_mtok,
      cachedInput: cache_read_mtok ?? input_mtok,
      output,
      audioInput: input_audio_mtok ?? input_mtok,
      audioOutput: output_audio_mtok ?? output,
    },
  }
}

function withPolicy(priced: Priced, policy: ModelPolicy | undefined): Priced {
  if (policy === undefined || priced.type !== 'flat') return priced
  const { maxOutput: _, ...rates } = policy
  return { type: 'flat', rates: { ...priced.rates, ...rates } }
}

function dollars(rates: Rates, { input, cachedInput, audioInput, output, audioOutput }: Usage): number {
  // Cached audio is rare and billed as cached; a token is counted once.
  const audio = Math.min(audioInput, input - cachedInput)
  const millionths =
    (input - cachedInput - audio) * rates.input +
    cachedInput * rates.cachedInput +
    audio * rates.audioInput +
    (output - audioOutput) * rates.output +
    audioOutput * rates.audioOutput
  return millionths / 1e6
}

/** Up to the next whole millionth, so that no budget is passed by rounding; without the dust of binary fractions. */
export const microUsd = (dollars: number): MicroUsd =>
  Math.ceil(Number((dollars * 1e6).toFixed(4))) as MicroUsd

export const usd = (micro: MicroUsd): number => micro / 1e6

/** For headers: plain digits, never an exponent. */
export const formatUsd = (micro: MicroUsd): string => (micro / 1e6).toFixed(6)
