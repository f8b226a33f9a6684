/** What upstream charges, stated here once more: nothing below is read from the gateway. Billionths of a dollar a token. */
type Model = {
  input: number
  output: number
  audioInput?: number
  audioOutput?: number
  maxOutput: number
  window: number
  /** Part of the price at the priority tier; absent where the model is not served at it. */
  priority?: number
}

export const MODELS: Record<string, Model> = {
  'gpt-4o-mini': { input: 150, output: 600, maxOutput: 2_000, window: 128_000, priority: 5 / 3 },
  'gpt-4o': { input: 2_500, output: 10_000, maxOutput: 2_000, window: 128_000, priority: 1.7 },
  'gpt-4.1': { input: 2_000, output: 8_000, maxOutput: 2_000, window: 1_047_576, priority: 1.75 },
  'o4-mini': { input: 1_100, output: 4_400, maxOutput: 5_000, window: 200_000 },
  'gpt-audio': {
    input: 2_500,
    output: 10_000,
    audioInput: 32_000,
    audioOutput: 64_000,
    maxOutput: 1_000,
    window: 128_000,
  },
  'gpt-4o-search-preview': { input: 2_500, output: 10_000, maxOutput: 2_000, window: 128_000 },
  'gpt-3.5-turbo-instruct': { input: 1_500, output: 2_000, maxOutput: 1_000, window: 4_096 },
  'text-embedding-3-small': { input: 20, output: 0, maxOutput: 0, window: 8_192 },
}

export const modelOf = (name: string): Model => {
  const model = MODELS[name]
  if (model === undefined) throw new Error(`upstream has no model ${name}`)
  return model
}

/** One call of a tool that upstream runs, in billionths of a dollar. */
export const FEES: Record<string, number> = {
  web_search: 10_000_000,
  web_search_preview: 25_000_000,
  file_search: 2_500_000,
  code_interpreter: 30_000_000,
  image_generation: 250_000_000,
  mcp: 0,
  /** A chat model's own search. */
  chat_search: 35_000_000,
}

/** Tokens by kind; audio is part of `input` and `output`. */
export type Work = {
  model: string
  input: number
  audioInput: number
  output: number
  audioOutput: number
  /** Of the output, what no reader sees. */
  hidden: number
  tier: string
  /** The tools that upstream ran, by type, a call each. */
  calls: string[]
}

/** The bill, in billionths of a dollar. */
export function billOf({ model, input, audioInput, output, audioOutput, tier, calls }: Work): number {
  const rates = modelOf(model)
  const part = tier === 'priority' || tier === 'fast' ? (rates.priority ?? 1) : tier === 'flex' ? 0.5 : 1
  const tokens =
    (input - audioInput) * rates.input +
    audioInput * (rates.audioInput ?? rates.input) +
    (output - audioOutput) * rates.output +
    audioOutput * (rates.audioOutput ?? rates.output)
  return tokens * part + calls.reduce((sum, type) => sum + (FEES[type] ?? 0), 0)
}
