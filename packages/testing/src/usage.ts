import { type Json, type JsonObject, list, object, text } from './json.ts'
import { type Answer, contentText, reasoningTokens } from './model.ts'

export type Counter = (text: string) => number
export type Tokens = { input: number; output: number; cached: number; reasoning: number }

/** Exact loads the o200k tokeniser once; approximate takes four characters for a token. */
export async function counterOf(precision: 'exact' | 'approximate'): Promise<Counter> {
  if (precision === 'approximate') return (text) => Math.ceil(text.length / 4)
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base')
  const plain = { disallowedSpecial: new Set<string>() }
  return (text) => countTokens(text, plain)
}

/** By OpenAI's published formula for chat: 3 a message, its role, its texts, 1 for a name, 3 for the reply. */
export function countMessages(messages: Json | undefined, tools: Json | undefined, count: Counter): number {
  const said = list(messages)
    .map(object)
    .reduce((sum, message) => {
      const calls = list(message.tool_calls).map((call) => object(object(call).function))
      const called = calls.reduce(
        (sum, call) => sum + count(text(call.name)) + count(text(call.arguments)),
        0,
      )
      const name = typeof message.name === 'string' ? 1 + count(message.name) : 0
      return sum + 3 + count(text(message.role)) + count(contentText(message.content)) + name + called
    }, 3)
  return said + (list(tools).length > 0 ? 9 + count(JSON.stringify(tools)) : 0)
}

/** What answers to this prompt are charged with. "[cached]" in the prompt: all whole 128s of it were cached upstream. */
export function tally(answers: Answer[], input: number, model: string, seed: string, count: Counter): Tokens {
  const scripted = answers[0]?.usage
  const written = answers.map((answer) => {
    const calls = answer.toolCalls?.map((call) => call.name + call.arguments) ?? []
    return [answer.text ?? '', answer.refusal ?? '', ...calls].reduce((sum, text) => sum + count(text), 0)
  })
  const reasoning = scripted?.reasoning ?? reasoningTokens(model, seed)
  return {
    input: scripted?.input ?? input,
    output: scripted?.output ?? written.reduce((sum, tokens) => sum + tokens, 0) + reasoning,
    cached: scripted?.cached ?? (seed.includes('[cached]') ? Math.floor(input / 128) * 128 : 0),
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
  input_tokens_details: { cached_tokens: cached },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
})
