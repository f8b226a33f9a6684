import { type Json, type JsonObject, list, object, text } from '../../core/json.ts'
import { splitWords } from '../model/generate.ts'

type Send = (type: string, fields: JsonObject) => void

/** Returns the server-sent events of a streamed Response in OpenAI's order, each with its `sequence_number`. */
export function responseEvents(response: JsonObject, padded: boolean): string[] {
  const frames: string[] = []
  const send: Send = (type, fields) => {
    const padding = padded && type.endsWith('.delta') ? { obfuscation: 'x9KqT2' } : {}
    const data = { type, sequence_number: frames.length, ...fields, ...padding }
    frames.push(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  const begun = {
    ...response,
    status: 'in_progress',
    completed_at: null,
    output: [],
    usage: null,
    incomplete_details: null,
  }
  send('response.created', { response: begun })
  send('response.in_progress', { response: begun })
  for (const [at, item] of list(response.output).entries()) sendItem(object(item), at, send)
  send(`response.${response.status}`, { response })
  return frames
}

/** Sends the events of one output item: added empty, filled by deltas, then sent whole. */
function sendItem(item: JsonObject, output_index: number, send: Send): void {
  const at = { item_id: item.id ?? '', output_index }
  send('response.output_item.added', { output_index, item: emptyItem(item) })
  for (const [content_index, part] of list(item.content).entries())
    sendContent(object(part), { ...at, content_index }, send)
  for (const [summary_index, part] of list(item.summary).entries())
    sendSummary(object(part), { ...at, summary_index }, send)
  if (item.type === 'function_call') {
    const given = text(item.arguments)
    sendText('response.function_call_arguments', splitWords(given), at, send)
    send('response.function_call_arguments.done', { ...at, arguments: given })
  }
  if (item.type === 'custom_tool_call') {
    const given = text(item.input)
    sendText('response.custom_tool_call_input', splitWords(given), at, send)
    send('response.custom_tool_call_input.done', { ...at, input: given })
  }
  send('response.output_item.done', { output_index, item })
}

function emptyItem(item: JsonObject): JsonObject {
  return {
    ...item,
    ...('content' in item ? { content: [] } : {}),
    ...('arguments' in item ? { arguments: '' } : {}),
    ...('input' in item ? { input: '' } : {}),
    ...('summary' in item ? { summary: [] } : {}),
    ...('status' in item ? { status: 'in_progress' } : {}),
  }
}

function sendContent(part: JsonObject, where: JsonObject, send: Send): void {
  if (part.type === 'refusal') {
    const refusal = text(part.refusal)
    send('response.content_part.added', { ...where, part: { ...part, refusal: '' } })
    sendText('response.refusal', splitWords(refusal), where, send)
    send('response.refusal.done', { ...where, refusal })
  } else {
    const content = text(part.text)
    const logprobs = list(part.logprobs)
    send('response.content_part.added', { ...where, part: { ...part, text: '', logprobs: [] } })
    // Either each piece has one log probability, or none has.
    const pieceLogprobs = (at: number) => ({ logprobs: logprobs.slice(at, at + 1).map(withoutBytes) })
    sendText('response.output_text', splitWords(content), where, send, pieceLogprobs)
    send('response.output_text.done', { ...where, text: content, logprobs: logprobs.map(withoutBytes) })
  }
  send('response.content_part.done', { ...where, part })
}

function sendSummary(part: JsonObject, where: JsonObject, send: Send): void {
  const summary = text(part.text)
  send('response.reasoning_summary_part.added', { ...where, part: { ...part, text: '' } })
  sendText('response.reasoning_summary_text', splitWords(summary), where, send)
  send('response.reasoning_summary_text.done', { ...where, text: summary })
  send('response.reasoning_summary_part.done', { ...where, part })
}

function sendText(
  type: string,
  deltas: string[],
  where: JsonObject,
  send: Send,
  extra: (at: number) => JsonObject = () => ({}),
): void {
  for (const [at, delta] of deltas.entries()) send(`${type}.delta`, { ...where, delta, ...extra(at) })
}

/** Returns a log probability as events carry it: without `bytes`. */
function withoutBytes(logprob: Json): JsonObject {
  const bare = ({ token, logprob }: JsonObject) => ({ token: token ?? '', logprob: logprob ?? 0 })
  const given = object(logprob)
  return { ...bare(given), top_logprobs: list(given.top_logprobs).map((other) => bare(object(other))) }
}
