import type { ResolvedAnswer } from '../../core/answer.ts'
import { type Json, type JsonObject, list, object, text } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { contentText } from './content.ts'
import type { Prompt } from './prompt.ts'

export type TokenCounts = { input: number; output: number; cached: number; reasoning: number }

/**
 * Counts the input tokens of messages by OpenAI's published formula for chat: 3 for each message, its role and texts, its
 * name and 1 if it has one, and 3 for the reply. Tools are estimated as 9 and their JSON. Images, audio and files count 0.
 */
export function countMessages(
  messages: Json | undefined,
  tools: Json | undefined,
  { count }: Tokenizer,
): number {
  const input = list(messages)
    .map(object)
    .reduce((sum, message) => {
      const calls = list(message.tool_calls).map((call) => object(object(call).function))
      const called = calls.reduce(
        (sum, call) => sum + count(text(call.name)) + count(text(call.arguments)),
        0,
      )
      const name = typeof message.name === 'string' ? 1 + count(message.name) : 0
      const item = count(text(message.arguments)) + count(contentText(message.output))
      return sum + 3 + count(text(message.role)) + count(contentText(message.content)) + name + called + item
    }, 3)
  return input + (list(tools).length > 0 ? 9 + count(JSON.stringify(tools)) : 0)
}

/**
 * Counts the tokens that answers to a prompt are charged with; those of a script take precedence. With "[cached]" in the
 * prompt, its input counts as cached in blocks of 128 tokens.
 */
export function countUsage(
  answers: ResolvedAnswer[],
  input: number,
  prompt: Pick<Prompt, 'transcript' | 'reasoning'>,
  { count }: Tokenizer,
): TokenCounts {
  const scripted = answers[0]?.usage
  const counted = answers.map(({ text = '', refusal = '', toolCalls = [] }) =>
    toolCalls.reduce(
      (sum, call) => sum + count(call.name) + count(call.arguments),
      count(text) + count(refusal),
    ),
  )
  const reasoning = scripted?.reasoning ?? prompt.reasoning
  const charged = scripted?.input ?? input
  return {
    input: charged,
    output: scripted?.output ?? counted.reduce((sum, tokens) => sum + tokens, 0) + reasoning,
    cached:
      scripted?.cached ?? (prompt.transcript.includes('[cached]') ? Math.floor(charged / 128) * 128 : 0),
    reasoning,
  }
}

export const chatUsage = ({ input, output, cached, reasoning }: TokenCounts): JsonObject => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: reasoning,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
})

export const responsesUsage = ({ input, output, cached, reasoning }: TokenCounts): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})
