import type { Choice } from '../../core/answer.ts'
import { type Json, type JsonObject, object } from '../../core/json.ts'
import { splitWords } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'

/** Returns the server-sent events of a streamed chat completion, `[DONE]` included. */
export function chatChunks(
  body: JsonObject,
  envelope: JsonObject,
  choices: Choice[],
  usage: JsonObject,
  top: number | undefined,
): string[] {
  const options = object(body.stream_options)
  const withUsage = options.include_usage === true
  // All chunks share the envelope, so it is serialised once.
  const head = JSON.stringify({ ...envelope, object: 'chat.completion.chunk' }).slice(0, -1)
  const padding = options.include_obfuscation === true ? ',"obfuscation":"x9KqT2"' : ''
  const tail = `${withUsage ? ',"usage":null' : ''}${padding}}\n\n`
  const chunk = (choice: JsonObject) => `data: ${head},"choices":[${JSON.stringify(choice)}]${tail}`
  const last = `data: ${head},"choices":[],"usage":${JSON.stringify(usage)}${padding}}\n\n`
  const streams = choices.map((choice, index) => choiceChunks(choice, index, top).map(chunk))
  return [...interleave(streams), ...(withUsage ? [last] : []), 'data: [DONE]\n\n']
}

function choiceChunks(choice: Choice, index: number, top: number | undefined): JsonObject[] {
  const { text, refusal } = choice.answer
  const delta = (delta: JsonObject, logprobs: Json = null) => ({
    index,
    delta,
    logprobs,
    finish_reason: null,
  })
  const pieceLogprobs = (piece: string, field: 'content' | 'refusal') =>
    top === undefined ? null : { content: null, refusal: null, [field]: logprobsOf([piece], top) }
  return [
    delta({ role: 'assistant', content: text === undefined ? null : '', refusal: null }),
    ...splitWords(text ?? '').map((content) => delta({ content }, pieceLogprobs(content, 'content'))),
    ...splitWords(refusal ?? '').map((refusal) => delta({ refusal }, pieceLogprobs(refusal, 'refusal'))),
    ...toolCallDeltas(choice).map((call) => delta(call)),
    { index, delta: {}, logprobs: null, finish_reason: choice.finishReason },
  ]
}

/** Returns the deltas of tool calls: each call with empty arguments, then its arguments in pieces of ten characters. */
function toolCallDeltas({ calls, legacy }: Choice): JsonObject[] {
  return (legacy ? calls.slice(0, 1) : calls).flatMap((call, index) => {
    const [kind, field] = 'custom' in call ? ['custom', 'input'] : ['function', 'arguments']
    const inner = object(call[kind ?? ''])
    const parts = String(inner[field ?? '']).match(/[\s\S]{1,10}/gu) ?? []
    const fields = [{ ...inner, [field ?? '']: '' }, ...parts.map((part) => ({ [field ?? '']: part }))]
    return fields.map((given, at) =>
      legacy
        ? { function_call: given }
        : { tool_calls: [{ index, ...(at === 0 ? call : {}), [kind ?? '']: given }] },
    )
  })
}

/** Interleaves the chunks of several choices: one chunk of each in turn. */
function interleave(streams: string[][]): string[] {
  const [only] = streams
  if (streams.length === 1 && only) return only
  const longest = Math.max(0, ...streams.map((frames) => frames.length))
  return Array.from({ length: longest }, (_, at) =>
    streams.flatMap((frames) => frames.slice(at, at + 1)),
  ).flat()
}
