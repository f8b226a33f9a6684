import type { Said } from '../../core/answer.ts'
import { type Json, type JsonObject, list, object, text } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { contentText, type Prompt } from './prompt.ts'

export type Tokens = { input: number; output: number; cached: number; reasoning: number }

/**
 * By OpenAI's published formula for chat: 3 a message, its role, its texts, 1 and the name where it has one, and 3 for
 * the reply. Tools are an estimate: 9, and their JSON. Pictures, sounds and files count nothing.
 */
export function countMessages(
  messages: Json | undefined,
  tools: Json | undefined,
  { count }: Tokenizer,
): number {
  const said = list(messages)
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
  return said + (list(tools).length > 0 ? 9 + count(JSON.stringify(tools)) : 0)
}

/** What answers to this prompt are charged with. "[cached]" in the prompt: all whole 128s of it were cached upstream. */
export function tally(
  answers: Said[],
  input: number,
  prompt: Pick<Prompt, 'all' | 'reasoning'>,
  { count }: Tokenizer,
): Tokens {
  const scripted = answers[0]?.usage
  const written = answers.map(({ text = '', refusal = '', toolCalls = [] }) =>
    toolCalls.reduce(
      (sum, call) => sum + count(call.name) + count(call.arguments),
      count(text) + count(refusal),
    ),
  )
  const reasoning = scripted?.reasoning ?? prompt.reasoning
  const charged = scripted?.input ?? input
  return {
    input: charged,
    output: scripted?.output ?? written.reduce((sum, tokens) => sum + tokens, 0) + reasoning,
    cached: scripted?.cached ?? (prompt.all.includes('[cached]') ? Math.floor(charged / 128) * 128 : 0),
    reasoning,
  }
}

export const chatUsage = ({ input, output, cached, reasoning }: Tokens): JsonObject => ({
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

export const responsesUsage = ({ input, output, cached, reasoning }: Tokens): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})
