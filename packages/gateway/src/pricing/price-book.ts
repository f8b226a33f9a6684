import { LRUCache } from 'lru-cache'
import type { Log } from '../core/log-codes.ts'
import type { ModelPolicy } from '../core/policy.ts'
import type { PriceBook, Rates } from '../core/pricing.ts'
import { contextWindow } from '../tokens/context-window.ts'
import { errorText } from '../util/error-text.ts'
import { loadDependency } from '../util/load-package.ts'
import { costOf } from './cost.ts'

type Library = typeof import('@pydantic/genai-prices')
type Stepped = { base: number; tiers: { start: number; price: number }[] }
/** Prices of a model under the library's names; a stepped price depends on the size of the input. */
type Listed = Record<string, number | Stepped | undefined>

/** Bounds memory: a hostile caller may name a million models with very long names. */
const MAX_MODELS = 1_000
const MAX_NAME_CHARS = 200
/** The library's prices may start or end on a given day. */
const CACHE_TTL_MS = 3_600_000
/** Assumed for models without a known maximum; none of OpenAI's writes more. */
const LARGEST_OUTPUT = 128_000

/**
 * Creates the price book. Each price of the policy takes precedence; missing ones come from `@pydantic/genai-prices`,
 * loaded (70 ms) on first use. A model unknown to both has no price: `undefined`, never 0 by accident.
 */
export function createPriceBook(models: Record<string, ModelPolicy>, warn: Log = () => undefined): PriceBook {
  const policies = new Map(Object.entries(models))
  const known = new LRUCache<string, Listed>({ max: MAX_MODELS, ttl: CACHE_TTL_MS })
  let library: Library | undefined

  function lookUp(model: string): Listed | Promise<Listed> {
    if (model.length > MAX_NAME_CHARS) return {}
    const found = known.get(model)
    if (found !== undefined) return found
    if (library !== undefined) return lookUpIn(library, model)
    return loadDependency('@pydantic/genai-prices', 'calcPrice', () => import('@pydantic/genai-prices')).then(
      (loaded) => {
        library = loaded
        return lookUpIn(loaded, model)
      },
      (error: unknown) => withoutLibrary('cannot be loaded', error),
    )
  }

  function lookUpIn(library: Library, model: string): Listed {
    let found: Listed
    try {
      found = library.calcPrice({ input_tokens: 0 }, model, { providerId: 'openai' })?.model_price ?? {}
    } catch (error) {
      found = withoutLibrary('failed', error)
    }
    known.set(model, found)
    return found
  }

  /** Leaves only the policy's own prices. */
  function withoutLibrary(why: string, error: unknown): Listed {
    warn(
      'GW_PRICES_UNAVAILABLE',
      `@pydantic/genai-prices ${why}, so only prices of the policy (models) are used: ${errorText(error)}`,
    )
    return {}
  }

  /** Whether the policy has all the prices needed. */
  function suffices({ input, cachedInput, output, audioInput, audioOutput }: ModelPolicy, audio: boolean) {
    const text = [input, cachedInput, output]
    return (audio ? [...text, audioInput, audioOutput] : text).every((rate) => rate !== undefined)
  }

  function withRates<T>(
    model: string,
    audio: boolean,
    use: (policy: ModelPolicy, lookUpIn: Listed) => T,
  ): T | Promise<T> {
    const policy = policies.get(model) ?? {}
    const lookUpIn = suffices(policy, audio) ? {} : lookUp(model)
    return lookUpIn instanceof Promise
      ? lookUpIn.then((lookUpIn) => use(policy, lookUpIn))
      : use(policy, lookUpIn)
  }

  return {
    rates: (model) => withRates(model, false, (policy, lookUpIn) => ratesOf(policy, lookUpIn, 0)),
    cost(model, usage, tier = 'default') {
      const urgent = isUrgent(tier)
      const share = shareOf(tier, model)
      if (share === undefined || !Object.values(usage).every((count) => count >= 0)) return undefined
      if (usage.hostedCalls) return undefined
      const { audioInput, audioOutput, input } = usage
      return withRates(model, audioInput + audioOutput > 0, (policy, lookUpIn) => {
        // Long inputs have no published price at this tier.
        if (urgent && isStepped(lookUpIn, input)) return undefined
        const rates = ratesOf(policy, lookUpIn, input)
        return rates && costOf(rates, usage, share)
      })
    },
    worst(model, { input, audioInput, output, audioOutput }, asked, assumed) {
      const share = dearest(model, asked, assumed)
      if (share === undefined) return undefined
      return withRates(model, audioInput + audioOutput > 0, (policy, lookUpIn) => {
        const rates = ratesOf(policy, lookUpIn, input)
        if (rates === undefined) return undefined
        const read = Math.max(rates.input, rates.cachedInput, rates.cacheWrite ?? 0)
        const most: Rates = { input: read, cachedInput: read, output: rates.output }
        if (rates.audioInput !== undefined) most.audioInput = Math.max(read, rates.audioInput)
        if (rates.audioOutput !== undefined) most.audioOutput = Math.max(rates.output, rates.audioOutput)
        return costOf(most, { input, audioInput, output, audioOutput, cachedInput: 0, reasoning: 0 }, share)
      })
    },
    maxOutput: (model) => policies.get(model)?.maxOutput ?? LARGEST_OUTPUT,
    window: (model) => policies.get(model)?.contextWindow ?? contextWindow(model),
  }
}

/**
 * Fractions of the standard price. Flex and batch cost half. Source: OpenAI, "Pricing"
 * (developers.openai.com/api/docs/pricing), 2026-11.
 */
const SHARES = new Map<string, [number, number]>([
  ['auto', [1, 1]],
  ['default', [1, 1]],
  ['standard', [1, 1]],
  ['scale', [1, 1]],
  ['flex', [1, 2]],
  ['batch', [1, 2]],
])

/**
 * Priority (or `fast`) as fractions of the standard price, the same for input, cached input and output; applied to
 * the policy's prices, too. Dated snapshots cost what their model costs, unless they are listed. Models missing from
 * OpenAI's table have no price at this tier. Source: OpenAI, "Priority processing"
 * (openai.com/api-priority-processing), read 2026-11-23.
 */
const PRIORITY = new Map<string, [number, number]>([
  ['gpt-5.5', [5, 2]],
  ['gpt-5.4', [2, 1]],
  ['gpt-5.4-mini', [2, 1]],
  ['gpt-5.2', [2, 1]],
  ['gpt-5.1', [2, 1]],
  ['gpt-5.1-codex', [2, 1]],
  ['gpt-5', [2, 1]],
  ['gpt-5-codex', [2, 1]],
  ['gpt-5-mini', [9, 5]],
  ['gpt-4.1', [7, 4]],
  ['gpt-4.1-mini', [7, 4]],
  ['gpt-4.1-nano', [2, 1]],
  ['gpt-4o', [17, 10]],
  ['gpt-4o-2024-05-13', [7, 4]],
  ['gpt-4o-mini', [5, 3]],
  ['o3', [7, 4]],
])

const priorityOf = (model: string) =>
  PRIORITY.get(model) ?? PRIORITY.get(model.replace(/-\d{4}-\d{2}-\d{2}$/, ''))

const isUrgent = (tier: string) => tier === 'priority' || tier === 'fast'

/** Returns the largest fraction among the tiers; `undefined` where one of them is unknown. */
function dearest(
  model: string,
  asked: readonly string[],
  assumed: readonly string[],
): [number, number] | undefined {
  let most: [number, number] = [0, 1]
  for (const tier of asked) {
    const share = shareOf(tier, model)
    if (share === undefined && !assumed.includes(tier)) return undefined
    if (share !== undefined) most = larger(most, share)
  }
  for (const tier of assumed) most = larger(most, shareOf(tier, model) ?? most)
  return most
}

const shareOf = (tier: string, model: string) => (isUrgent(tier) ? priorityOf(model) : SHARES.get(tier))

const larger = (a: [number, number], b: [number, number]) => (b[0] * a[1] > a[0] * b[1] ? b : a)

function ratesOf(policy: ModelPolicy, lookUpIn: Listed, inputTokens: number): Rates | undefined {
  const at = (name: string) => stepFor(lookUpIn[name], inputTokens)
  const input = policy.input ?? at('input_mtok')
  // Embeddings have no output price, and the library then names none.
  const output = policy.output ?? at('output_mtok') ?? (at('input_mtok') === undefined ? undefined : 0)
  if (input === undefined || output === undefined) return undefined
  const rates: Rates = { input, output, cachedInput: policy.cachedInput ?? at('cache_read_mtok') ?? input }
  const cacheWrite = policy.cacheWrite ?? (policy.input === undefined ? at('cache_write_mtok') : undefined)
  const audioInput = policy.audioInput ?? at('input_audio_mtok')
  const audioOutput = policy.audioOutput ?? at('output_audio_mtok')
  if (cacheWrite !== undefined) rates.cacheWrite = cacheWrite
  if (audioInput !== undefined) rates.audioInput = audioInput
  if (audioOutput !== undefined) rates.audioOutput = audioOutput
  return rates
}

/** A long input raises the price of all its tokens, as in `calcPrice`: a step applies above its `start`. */
function stepFor(price: number | Stepped | undefined, inputTokens: number): number | undefined {
  if (typeof price !== 'object') return price
  return price.tiers.reduce((rate, { start, price }) => (inputTokens > start ? price : rate), price.base)
}

const isStepped = (lookUpIn: Listed, inputTokens: number) =>
  Object.values(lookUpIn).some(
    (price) => typeof price === 'object' && stepFor(price, inputTokens) !== stepFor(price, 0),
  )
