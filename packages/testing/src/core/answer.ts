import type { JsonObject } from './json.ts'
import type { Tokenizer } from './tokens.ts'

/** A tool call of the model. `arguments`: JSON as text or as the value; plain text for a custom tool. */
export type ToolCall = { name: string; arguments: string | object; custom?: boolean }

/**
 * An answer that a test scripts. Fields left out are generated: `{ usage }` alone changes only the usage.
 *
 * @example
 * upstream.answer({ toolCalls: [{ name: 'find_order', arguments: { id: 7 } }], usage: { output: 12 } })
 */
export type Answer = {
  text?: string
  /** The text, as the JSON of this value. */
  json?: unknown
  refusal?: string
  toolCalls?: ToolCall[]
  /** Chat's finish reason; Responses translate it into their status. @default 'stop', or 'tool_calls' */
  finishReason?: 'stop' | 'length' | 'tool_calls' | 'content_filter'
  /** In tokens. `output` includes `reasoning`, `input` includes `cached`. @default counted from the texts */
  usage?: { input?: number; output?: number; cached?: number; reasoning?: number }
  /** The whole body, sent as it is. Streamed requests get it, too, unless `chunks` is set. */
  body?: unknown
  /** The stream, for streamed requests: strings are written as they are, all else as `data: <JSON>`. */
  chunks?: (string | object)[]
}

/** An answer with its words resolved: those of the script, or generated ones. */
export type ResolvedAnswer = {
  text?: string
  refusal?: string
  toolCalls?: ResolvedToolCall[]
  finishReason?: NonNullable<Answer['finishReason']>
  usage?: NonNullable<Answer['usage']>
}

/** `arguments`: always text. */
export type ResolvedToolCall = { name: string; arguments: string; custom: boolean }

/** What an endpoint needs beside the request to render an answer. */
export type RenderContext = {
  tokens: Tokenizer
  scripted: Answer | undefined
  /** Model that the answer names. */
  answeringModel: string
}

/** One answer, as a whole body and as the events of a stream. */
export type RenderedAnswer = { whole: JsonObject; chunks: () => string[] }

/** One of the `n` choices of a chat completion. `legacy`: it uses `function_call` in place of `tool_calls`. */
export type Choice = { answer: ResolvedAnswer; finishReason: string; calls: JsonObject[]; legacy: boolean }

/** Returns the words that a script sets; `undefined` where it sets none. */
export function resolveScript({ text, json, refusal, toolCalls }: Answer): ResolvedAnswer | undefined {
  const answer: ResolvedAnswer = {
    ...(text === undefined ? {} : { text }),
    ...(json === undefined ? {} : { text: JSON.stringify(json) }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map(resolveToolCall) }),
  }
  return Object.keys(answer).length === 0 ? undefined : answer
}

const resolveToolCall = ({ name, arguments: given, custom = false }: ToolCall): ResolvedToolCall => ({
  name,
  arguments: typeof given === 'string' ? given : JSON.stringify(given),
  custom,
})
