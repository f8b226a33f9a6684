import { isObject, type Json, type JsonObject, list, object, parseObject, text } from '../core/json.ts'
import { pieces } from './chunks.ts'
import type { Format } from './format.ts'
import { responseOf } from './response-sum.ts'
import { type SseEvent, sseFrame } from './sse.ts'
import { ensureStreamableResponse } from './streamable.ts'

const TERMINAL = new Set(['response.completed', 'response.incomplete', 'response.failed'])

/** Returns the type of an event: its name, or the `type` in its data for upstreams that do not name events. */
const typeOf = ({ event, data }: SseEvent) =>
  event?.startsWith('response.') ? event : text(parseObject(data)?.type)

const mayEnd = ({ event, data }: SseEvent) =>
  event?.startsWith('response.') || [...TERMINAL].some((type) => data.includes(type))

/** As in the SDK: an event named `error` fails, and an `error` member that is not empty. */
function fails({ event, data }: SseEvent): boolean {
  if (event === 'error') return true
  if (event?.startsWith('response.') || !data.includes('"error"')) return false
  const json = parseObject(data)
  return json?.type === 'error' || Boolean(json?.error)
}

/** The Responses API: a `response` object whole, a sequence of typed events streamed. */
export const responses: Format = {
  ends: (event) => mayEnd(event) && TERMINAL.has(typeOf(event)),
  goesOn: (event) => typeOf(event) !== 'keepalive',
  fails,
  assemble: responseOf,
  emit,
  storable: (answer) => answer.status === 'completed' && !isObject(answer.error),
  finished: () => false,
  produced(events, say) {
    for (const event of events) {
      if (!typeOf(event).endsWith('.delta')) continue
      const { delta, item_id, output_index, content_index, summary_index } = parseObject(event.data) ?? {}
      say(JSON.stringify([typeOf(event), item_id, output_index, content_index, summary_index]), text(delta))
    }
  },
  isUsageOnly: () => false,
  isSilent: () => false,
  withoutNullUsage: (event) => event,
}

/**
 * Emits events in the order that the SDK requires: `created` first, each part added before its deltas, each item done before
 * the end, one id throughout. Only OpenAI's event types are used.
 */
function emit(answer: JsonObject): string[] {
  ensureStreamableResponse(answer)
  const frames: string[] = []
  const send: Send = (type, fields) => {
    const data = JSON.stringify({ type, sequence_number: frames.length, ...fields })
    frames.push(sseFrame({ event: type, data }))
  }
  const begun = { ...answer, status: 'in_progress', output: [], usage: null, completed_at: null }
  if (!('completed_at' in answer)) Reflect.deleteProperty(begun, 'completed_at')
  send('response.created', { response: begun })
  send('response.in_progress', { response: begun })
  list(answer.output).forEach((item, index) => {
    emitItem(object(item), index, send)
  })
  const end =
    answer.status === 'incomplete' ? 'incomplete' : answer.status === 'failed' ? 'failed' : 'completed'
  send(`response.${end}`, { response: answer })
  return frames
}

type Send = (type: string, fields: JsonObject) => void

function emitItem(item: JsonObject, output_index: number, send: Send) {
  const at = { item_id: item.id ?? '', output_index }
  const status = 'status' in item ? { status: 'in_progress' } : {}
  if (item.type === 'message') {
    send('response.output_item.added', { output_index, item: { ...item, ...status, content: [] } })
    list(item.content).forEach((part, content_index) => {
      emitPart(object(part), { ...at, content_index }, send)
    })
  } else if (item.type === 'function_call') {
    send('response.output_item.added', { output_index, item: { ...item, ...status, arguments: '' } })
    emitText('response.function_call_arguments', 'arguments', item.arguments, at, send)
  } else if (item.type === 'custom_tool_call') {
    send('response.output_item.added', { output_index, item: { ...item, ...status, input: '' } })
    emitText('response.custom_tool_call_input', 'input', item.input, at, send)
  } else if (item.type === 'reasoning') {
    send('response.output_item.added', { output_index, item: { ...item, ...status, summary: [] } })
    list(item.summary).forEach((part, summary_index) => {
      emitSummary(object(part), { ...at, summary_index }, send)
    })
  } else send('response.output_item.added', { output_index, item: { ...item, ...status } })
  send('response.output_item.done', { output_index, item })
}

function emitPart(part: JsonObject, at: JsonObject, send: Send) {
  if (part.type === 'output_text') {
    send('response.content_part.added', {
      ...at,
      part: { ...part, text: '', annotations: [], ...emptied(part, 'logprobs') },
    })
    // All in the first delta: readers append them.
    pieces(text(part.text)).forEach((delta, position) => {
      send('response.output_text.delta', {
        ...at,
        delta,
        logprobs: position === 0 ? list(part.logprobs) : [],
      })
    })
    list(part.annotations).forEach((annotation, annotation_index) => {
      send('response.output_text.annotation.added', { ...at, annotation_index, annotation })
    })
    send('response.output_text.done', { ...at, text: part.text ?? '', logprobs: list(part.logprobs) })
  } else if (part.type === 'refusal') {
    send('response.content_part.added', { ...at, part: { ...part, refusal: '' } })
    emitText('response.refusal', 'refusal', part.refusal, at, send)
  } else send('response.content_part.added', { ...at, part })
  send('response.content_part.done', { ...at, part })
}

function emitSummary(part: JsonObject, at: JsonObject, send: Send) {
  send('response.reasoning_summary_part.added', { ...at, part: { ...part, text: '' } })
  emitText('response.reasoning_summary_text', 'text', part.text, at, send)
  send('response.reasoning_summary_part.done', { ...at, part })
}

function emitText(type: string, field: string, value: Json | undefined, at: JsonObject, send: Send) {
  for (const delta of pieces(text(value))) send(`${type}.delta`, { ...at, delta })
  send(`${type}.done`, { ...at, [field]: text(value) })
}

const emptied = (part: JsonObject, field: string) => (field in part ? { [field]: [] } : {})
