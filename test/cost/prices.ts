/** Billionths of a dollar per token, which are all whole: OpenAI's, copied by hand. Only what is charged apart is named. */
type Rates = {
  input: bigint
  cached: bigint
  output: bigint
  written?: bigint
  audioInput?: bigint
  audioOutput?: bigint
}

const PRICES: Record<string, Rates> = {
  'gpt-4o-mini': { input: 150n, cached: 75n, output: 600n },
  'gpt-4o': { input: 2_500n, cached: 1_250n, output: 10_000n },
  'o4-mini': { input: 1_100n, cached: 275n, output: 4_400n },
  'gpt-5-nano': { input: 50n, cached: 5n, output: 400n },
  'gpt-5.6': { input: 4_000n, cached: 400n, output: 20_000n, written: 5_000n },
  'gpt-audio': {
    input: 2_500n,
    cached: 2_500n,
    output: 10_000n,
    audioInput: 32_000n,
    audioOutput: 64_000n,
  },
  'gpt-3.5-turbo-instruct': { input: 1_500n, cached: 1_500n, output: 2_000n },
  'text-embedding-3-large': { input: 130n, cached: 130n, output: 0n },
}

/** A part of the standard price. */
export type Share = readonly [part: number, whole: number]

/** As OpenAI prints them for the models that a day asks at a tier. */
export function shareOf(model: string, tier: string | undefined): Share {
  if (tier === 'flex') return [1, 2]
  if (tier === 'priority') return model === 'gpt-4o-mini' ? [5, 3] : [17, 10]
  return [1, 1]
}

/** Tokens as upstream tells them: `input` counts cached, written and heard ones, `output` spoken ones; none counts twice. */
export type Told = {
  input: number
  output?: number
  cached?: number
  written?: number
  audioInput?: number
  audioOutput?: number
}

/** In billionths of a dollar: the exact sum, rounded up once. Whole numbers only, none of them a float's. */
export function price(model: string, told: Told, [part, whole]: Share = [1, 1]): number {
  const rates = PRICES[model]
  if (rates === undefined) throw new Error(`no price for ${model}`)
  const { input, output = 0, cached = 0, written = 0, audioInput = 0, audioOutput = 0 } = told
  if ((audioInput > 0 && !rates.audioInput) || (audioOutput > 0 && !rates.audioOutput))
    throw new Error(`no price for ${model}'s audio`)
  const sum =
    BigInt(input - cached - written - audioInput) * rates.input +
    BigInt(cached) * rates.cached +
    BigInt(written) * (rates.written ?? rates.input) +
    BigInt(audioInput) * (rates.audioInput ?? 0n) +
    BigInt(output - audioOutput) * rates.output +
    BigInt(audioOutput) * (rates.audioOutput ?? 0n)
  return Number((sum * BigInt(part) + BigInt(whole) - 1n) / BigInt(whole))
}
