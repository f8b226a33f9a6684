import { LRUCache } from 'lru-cache'
import type { ModelPolicy } from '../core/policy.ts'
import type { PriceBook, Rates } from '../core/pricing.ts'
import { contextWindow } from '../tokens/context-window.ts'
import { errorText } from '../util/error-text.ts'
import { costOf } from './cost.ts'

type Library = typeof import('@pydantic/genai-prices')
type Stepped = { base: number; tiers: { start: number; price: number }[] }
/** What the library says of a model, by its own names; a stepped price depends on the size of the input. */
type Listed = Record<string, number | Stepped | undefined>

/** A hostile caller may name a million models, each as long as a book. */
const MAX_MODELS = 1_000
const MAX_NAME = 200
/** The library's lists hold prices that begin on a day. */
const KEEP_MS = 3_600_000
/** For models of which nobody said how much they can write; none of OpenAI's writes more. */
const LARGEST_OUTPUT = 128_000

/**
 * What calls cost. The policy's prices win, singly; what it leaves open comes from `@pydantic/genai-prices`, loaded
 * (70 ms) when first needed. A model neither knows has no price: `undefined`, never 0 by accident.
 */
export function createPriceBook(
  models: Record<string, ModelPolicy>,
  say: (message: string) => void = () => undefined,
): PriceBook {
  const policies = new Map(Object.entries(models))
  const known = new LRUCache<string, Listed>({ max: MAX_MODELS, ttl: KEEP_MS })
  let library: Library | undefined

  function lookUp(model: string): Listed | Promise<Listed> {
    if (model.length > MAX_NAME) return {}
    const found = known.get(model)
    if (found !== undefined) return found
    if (library !== undefined) return listed(library, model)
    return import('@pydantic/genai-prices').then(
      (loaded) => {
        library = loaded
        return listed(loaded, model)
      },
      (error: unknown) => unlisted('cannot be loaded', error),
    )
  }

  function listed(library: Library, model: string): Listed {
    let found: Listed
    try {
      found = library.calcPrice({ input_tokens: 0 }, model, { providerId: 'openai' })?.model_price ?? {}
    } catch (error) {
      found = unlisted('failed', error)
    }
    known.set(model, found)
    return found
  }

  /** Only the policy's own prices are left. */
  function unlisted(why: string, error: unknown): Listed {
    say(`models have no price but the policy's: @pydantic/genai-prices ${why}: ${errorText(error)}`)
    return {}
  }

  /** The policy alone suffices when it leaves open nothing that will be asked for. */
  function suffices({ input, cachedInput, output, audioInput, audioOutput }: ModelPolicy, audio: boolean) {
    const text = [input, cachedInput, output]
    return (audio ? [...text, audioInput, audioOutput] : text).every((rate) => rate !== undefined)
  }

  function priced<T>(
    model: string,
    audio: boolean,
    use: (policy: ModelPolicy, listed: Listed) => T,
  ): T | Promise<T> {
    const policy = policies.get(model) ?? {}
    const listed = suffices(policy, audio) ? {} : lookUp(model)
    return listed instanceof Promise ? listed.then((listed) => use(policy, listed)) : use(policy, listed)
  }

  return {
    rates: (model) => priced(model, false, (policy, listed) => ratesOf(policy, listed, 0)),
    cost(model, usage, tier = 'default') {
      const urgent = isUrgent(tier)
      const share = shareOf(tier, model)
      if (share === undefined || !Object.values(usage).every((count) => count >= 0)) return undefined
      if (usage.hostedCalls) return undefined
      const { audioInput, audioOutput, input } = usage
      return priced(model, audioInput + audioOutput > 0, (policy, listed) => {
        // Long inputs have no published price at this tier.
        if (urgent && isStepped(listed, input)) return undefined
        const rates = ratesOf(policy, listed, input)
        return rates && costOf(rates, usage, share)
      })
    },
    worst(model, { input, audioInput, output, audioOutput }, asked, assumed) {
      const share = dearest(model, asked, assumed)
      if (share === undefined) return undefined
      return priced(model, audioInput + audioOutput > 0, (policy, listed) => {
        const rates = ratesOf(policy, listed, input)
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

/** Parts of the standard price. Flex and batch cost half. Source: OpenAI, "Pricing" (developers.openai.com/api/docs/pricing), 2026-11. */
const SHARES = new Map<string, [number, number]>([
  ['auto', [1, 1]],
  ['default', [1, 1]],
  ['standard', [1, 1]],
  ['scale', [1, 1]],
  ['flex', [1, 2]],
  ['batch', [1, 2]],
])

/**
 * Priority (or `fast`) as parts of the standard price, the same for input, cached input and output; applied to the
 * policy's prices, too. Dated snapshots cost what their model costs, unless they are listed. Models that are not in
 * OpenAI's table have no price at this tier. Source: OpenAI, "Priority processing" (openai.com/api-priority-processing),
 * read 2026-11-23.
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

/** The largest part of the standard price; `undefined` where that of a tier is not known. */
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

function ratesOf(policy: ModelPolicy, listed: Listed, inputTokens: number): Rates | undefined {
  const at = (name: string) => stepFor(listed[name], inputTokens)
  const input = policy.input ?? at('input_mtok')
  // Embeddings have no output to price, and the library then names none.
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

/** A long input raises the price of all its tokens, as `calcPrice` reckons: the step begins above `start`. */
function stepFor(price: number | Stepped | undefined, inputTokens: number): number | undefined {
  if (typeof price !== 'object') return price
  return price.tiers.reduce((rate, { start, price }) => (inputTokens > start ? price : rate), price.base)
}

const isStepped = (listed: Listed, inputTokens: number) =>
  Object.values(listed).some(
    (price) => typeof price === 'object' && stepFor(price, inputTokens) !== stepFor(price, 0),
  )
