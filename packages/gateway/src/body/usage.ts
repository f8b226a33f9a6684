import { isObject, isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import type { Usage } from '../core/usage.ts'
import { OPERATIONS } from '../operations/operations.ts'

/**
 * Reads the `usage` of an answer: chat, completions and embeddings count prompt and completion, Responses input and output.
 * @returns `undefined` if it is absent, or if any number in it is not a count.
 * Source: openai 7.57, `CompletionUsage`, `ResponseUsage`, `CreateEmbeddingResponse.Usage`.
 */
export function usageFrom(answer: JsonObject): Usage | undefined {
  const { usage } = answer
  if (!isObject(usage)) return undefined
  const input = usage.prompt_tokens ?? usage.input_tokens ?? usage.total_tokens
  const output = usage.completion_tokens ?? usage.output_tokens ?? 0
  const asked = object(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const written = object(usage.completion_tokens_details ?? usage.output_tokens_details)
  const parts = [
    asked.cached_tokens,
    asked.cache_write_tokens,
    asked.audio_tokens,
    written.reasoning_tokens,
    written.audio_tokens,
  ]
  if (!isCount(input) || !isCount(output) || parts.some((part) => isSet(part) && !isCount(part)))
    return undefined
  const cachedInput = part(asked.cached_tokens, input)
  const cacheWrite = part(asked.cache_write_tokens, input - cachedInput)
  const hostedCalls = list(answer.output).filter((item) => HOSTED.has(text(object(item).type))).length
  return {
    input,
    cachedInput,
    audioInput: part(asked.audio_tokens, input),
    output,
    reasoning: part(written.reasoning_tokens, output),
    audioOutput: part(written.audio_tokens, output),
    ...(cacheWrite > 0 ? { cacheWrite } : {}),
    ...(hostedCalls > 0 ? { hostedCalls } : {}),
  }
}

const ENDED = new Set(['completed', 'failed', 'incomplete', 'cancelled'])

/**
 * Returns whether a usage that `usageFrom` could read covers all tokens of the answer: both counts are present, the total is
 * their sum, no part exceeds its whole, and a Response has ended (one in the background is billed later).
 */
export function isWholeUsage(operation: Operation, answer: JsonObject): boolean {
  const usage = object(answer.usage)
  const asked = object(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const written = object(usage.completion_tokens_details ?? usage.output_tokens_details)
  const input = count(usage.prompt_tokens ?? usage.input_tokens)
  const output = count(usage.completion_tokens ?? usage.output_tokens)
  const total = count(usage.total_tokens)
  const { output: kind, input: asksFor } = OPERATIONS[operation]
  if (differ(usage.prompt_tokens, usage.input_tokens)) return false
  if (differ(usage.completion_tokens, usage.output_tokens)) return false
  if (kind === 'vectors') {
    if (!isSet(usage.prompt_tokens ?? usage.input_tokens)) return total > 0
    return input > 0 && (!isSet(usage.total_tokens) || total === input)
  }
  if (!isSet(usage.completion_tokens ?? usage.output_tokens)) return false
  if (input === 0 && (!asksFor.mayBeEmpty || output === 0)) return false
  if (isSet(usage.total_tokens) && total !== input + output) return false
  if (kind === 'items' && isSet(answer.status) && !ENDED.has(text(answer.status))) return false
  const fits = (parts: (Json | undefined)[], whole: number) =>
    parts.reduce<number>((sum, value) => sum + count(value), 0) <= whole
  return (
    fits([asked.cached_tokens, asked.cache_write_tokens], input) &&
    fits([asked.audio_tokens], input) &&
    fits([written.reasoning_tokens], output) &&
    fits([written.audio_tokens], output)
  )
}

/** Whether two names of one count are both used, for different numbers. */
const differ = (one: Json | undefined, other: Json | undefined) => isSet(one) && isSet(other) && one !== other

const count = (value: Json | undefined) => (isCount(value) ? value : 0)

/** Output items that OpenAI bills besides tokens: by call, container or image. */
const HOSTED = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'shell_call',
  'image_generation_call',
])

/** Returns the tier that served an answer, which may differ from the requested one. */
export const serviceTier = ({ service_tier }: JsonObject): string | undefined =>
  typeof service_tier === 'string' ? service_tier : undefined

const isCount = (value: Json | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0

/** Caps a part at its whole. */
const part = (value: Json | undefined, whole: number) => (isCount(value) ? Math.min(value, whole) : 0)
