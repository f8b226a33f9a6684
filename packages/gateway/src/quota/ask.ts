import type { Call, Json } from '../call.ts'

/** The most output tokens this call can bring: what it allows, or what the model can. */
export function maxOutputTokens({ operation, body, model, rules }: Call): number {
  if (operation === 'embeddings') return 0
  const asked =
    positive(body.max_completion_tokens) ?? positive(body.max_tokens) ?? positive(body.max_output_tokens)
  const choices = Math.max(positive(body.n) ?? 1, positive(body.best_of) ?? 1)
  if (operation === 'completions') return (asked ?? 16) * choices * prompts(body.prompt)
  return Math.min(asked ?? Number.POSITIVE_INFINITY, rules.prices.maxOutput(model)) * choices
}

const positive = (value: Json | undefined) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.ceil(value) : undefined

const prompts = (prompt: Json | undefined) =>
  Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1
