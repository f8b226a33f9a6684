import type OpenAI from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import * as z from 'zod'

export type Chat = Omit<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming, 'stream'>
type Responses = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'stream'>
type Completions = Omit<OpenAI.CompletionCreateParamsNonStreaming, 'stream'>

export const MODEL = 'gpt-4o-mini'
export const user = (content: string) => [{ role: 'user' as const, content }]
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
  additionalProperties: false,
}
const tool = (name: string) => ({
  type: 'function' as const,
  function: { name, description: 'a tool', strict: true, parameters },
})
const responsesTool = (name: string) => ({ type: 'function' as const, name, strict: true, parameters })
export const Verdict = z.object({ reasoning: z.string(), answer: z.string(), score: z.number() })
export const City = z.object({ city: z.string(), days: z.number() })

export const CHATS: Record<string, Chat> = {
  text: { model: MODEL, messages: user('What is the margin of Ünïcode 漢字 🙂?') },
  'n: 3': { model: MODEL, messages: user('three of them'), n: 3 },
  logprobs: { model: MODEL, messages: user('how sure'), logprobs: true, top_logprobs: 2 },
  'a refusal': { model: MODEL, messages: user('[refuse] this') },
  'a tool call': { model: MODEL, messages: user('use weather'), tools: [tool('weather')] },
  'parallel tool calls': {
    model: MODEL,
    messages: user('use weather and stock'),
    tools: [tool('weather'), tool('stock')],
  },
  'tool calls of two choices': {
    model: MODEL,
    n: 2,
    messages: user('use weather and stock twice'),
    tools: [tool('weather'), tool('stock')],
  },
  'a custom tool': {
    model: MODEL,
    messages: user('write code'),
    tools: [{ type: 'custom', custom: { name: 'code', description: 'runs code' } }],
  },
  'a JSON Schema': {
    model: MODEL,
    messages: user('judge'),
    response_format: zodResponseFormat(Verdict, 'verdict'),
  },
  'a reasoning model': { model: 'o4-mini', messages: user('think'), reasoning_effort: 'low' },
  'an answer cut off by its length': { model: MODEL, messages: user('be long'), max_tokens: 3 },
}

export const RESPONSES: Record<string, Responses> = {
  text: { model: MODEL, input: 'What is the margin of Ünïcode 漢字 🙂?', instructions: 'Be brief.' },
  'tool calls': {
    model: MODEL,
    input: 'use weather and stock',
    tools: [responsesTool('weather'), responsesTool('stock')],
  },
  'a custom tool': { model: MODEL, input: 'write code', tools: [{ type: 'custom', name: 'code' }] },
  'a reasoning summary': { model: 'o4-mini', input: 'think', reasoning: { effort: 'low', summary: 'auto' } },
  'encrypted reasoning and a tool': {
    model: 'o4-mini',
    input: 'use weather',
    store: false,
    include: ['reasoning.encrypted_content'],
    tools: [responsesTool('weather')],
  },
  'a refusal': { model: MODEL, input: '[refuse] this' },
  'a JSON Schema': {
    model: MODEL,
    input: 'judge',
    text: { format: zodTextFormat(Verdict, 'verdict') },
  },
  'metadata and a user': { model: MODEL, input: 'mine', metadata: { who: 'A' }, safety_identifier: 's' },
  'an answer cut off by its length': { model: MODEL, input: 'be long', max_output_tokens: 3 },
}

export const COMPLETIONS: Record<string, Completions> = {
  'one prompt': { model: 'gpt-3.5-turbo-instruct', prompt: 'Once upon a time' },
  'two prompts, n: 2': { model: 'gpt-3.5-turbo-instruct', prompt: ['Once', 'Twice'], n: 2 },
}

export const EMBEDDINGS: Record<string, OpenAI.EmbeddingCreateParams> = {
  'in the default encoding': { model: 'text-embedding-3-small', input: 'margin' },
  'as floats': { model: 'text-embedding-3-small', input: 'margin', encoding_format: 'float' },
  'as base64': { model: 'text-embedding-3-small', input: 'margin', encoding_format: 'base64' },
  'of several texts, 8 dimensions': {
    model: 'text-embedding-3-large',
    input: ['a', 'b', 'c'],
    dimensions: 8,
  },
}

/** What never reaches the cache: hits and followers make no sense for it. */
export const uncached = new Set(['an answer cut off by its length'])
