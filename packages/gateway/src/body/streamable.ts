import { isObject, isSet, type Json, type JsonObject, list } from '../core/json.ts'
import { ensure } from './unambiguous.ts'

/**
 * Checks that a whole answer can be streamed without loss: each member at its position, in a form that the SDK's accumulators
 * read (openai 7.59), and none that they drop or move. The functions throw otherwise: the reader of a stream is then answered
 * by upstream.
 */

/** Choices of an answer, and calls of a choice, that the SDK reads. */
const MOST = 128

export function ensureStreamableChat({ id, choices, error, usage }: JsonObject): void {
  // Of chunks without an id, the SDK reads the first one's envelope only, and usage is in the last.
  ensure(isWritten(id) || !isSet(usage))
  ensure(!error && Array.isArray(choices) && choices.length > 0 && choices.length <= MOST)
  for (const [position, choice] of choices.entries()) {
    ensure(isObject(choice) && isAt(choice, position) && isWritten(choice.finish_reason))
    const { message, logprobs } = choice
    ensure(isObject(message) && !Object.hasOwn(choice, 'delta'))
    ensureMessage(message)
    ensure(!isSet(logprobs) || isObject(logprobs))
    if (isObject(logprobs)) ensure(isListOrNone(logprobs.content) && isListOrNone(logprobs.refusal))
  }
}

function ensureMessage(message: JsonObject) {
  const { role, content, refusal, annotations, tool_calls, function_call } = message
  ensure(!isSet(role) || role === 'assistant')
  ensure(isTextOrNone(content) && isTextOrNone(refusal))
  ensure(isListOrNone(annotations) && isListOrNone(tool_calls))
  const calls = list(tool_calls)
  ensure(calls.length <= MOST)
  for (const call of calls) ensureToolCall(call)
  if (!isSet(function_call)) return
  // The SDK drops tool calls next to a `function_call`.
  ensure(isObject(function_call) && calls.length === 0)
  ensureCalledTool(function_call, 'arguments')
  ensure(function_call.name !== '')
}

function ensureToolCall(call: Json) {
  ensure(isObject(call))
  const { id, type, function: called, custom } = call
  // For a missing id the SDK generates a random one.
  ensure(isWritten(id) && (type === 'function' || type === 'custom'))
  ensure(!isSet(type === 'function' ? custom : called))
  if (type === 'function') ensureCalledTool(called, 'arguments')
  else ensureCalledTool(custom, 'input')
}

/** Checks the called function and its arguments. The SDK drops other members. */
function ensureCalledTool(value: Json | undefined, field: 'arguments' | 'input') {
  ensure(isObject(value))
  const { name, [field]: given, ...rest } = value
  ensure(typeof name === 'string' && typeof given === 'string')
  ensure(Object.values(rest).every((member) => !isSet(member)))
}

export function ensureStreamableCompletion({ choices, error }: JsonObject): void {
  ensure(!error && Array.isArray(choices))
  for (const [position, choice] of choices.entries())
    ensure(isObject(choice) && isAt(choice, position) && isTextOrNone(choice.text))
}

/** A choice's index must be its position, or absent. */
const isAt = ({ index }: JsonObject, position: number) => !isSet(index) || index === position

const STATUSES = new Set<Json | undefined>(['completed', 'incomplete', 'failed', undefined, null])

export function ensureStreamableResponse({ id, status, output }: JsonObject): void {
  ensure(isWritten(id) && STATUSES.has(status) && Array.isArray(output))
  const known = new Set<string>()
  for (const item of output) {
    ensure(isObject(item) && typeof item.type === 'string' && isWritten(item.id))
    const names = [`id:${item.id}`, ...(ROUTED.has(item.type) ? [`${item.type}:${callId(item)}`] : [])]
    for (const name of names) {
      ensure(!known.has(name))
      known.add(name)
    }
    ensureItem(item)
  }
}

/** Items that the SDK also identifies by their call ids. */
const ROUTED = new Set(['function_call', 'custom_tool_call', 'shell_call', 'shell_call_output'])

function callId({ call_id }: JsonObject): string {
  ensure(isWritten(call_id))
  return call_id
}

function ensureItem(item: JsonObject) {
  const { type } = item
  if (type === 'function_call') ensure(typeof item.arguments === 'string')
  else if (type === 'custom_tool_call') ensure(typeof item.input === 'string')
  else if (type === 'message') {
    ensure(Array.isArray(item.content))
    for (const part of item.content) {
      ensure(isObject(part) && (part.type === 'output_text' || part.type === 'refusal'))
      if (part.type === 'refusal') ensure(typeof part.refusal === 'string')
      else
        ensure(typeof part.text === 'string' && isListOrNone(part.annotations) && isListOrNone(part.logprobs))
    }
  } else if (type === 'reasoning') {
    ensure(isListOrNone(item.summary) && isListOrNone(item.content))
    for (const part of list(item.summary))
      ensure(isObject(part) && part.type === 'summary_text' && typeof part.text === 'string')
  }
}

const isWritten = (value: Json | undefined): value is string => typeof value === 'string' && value !== ''
const isTextOrNone = (value: Json | undefined) => !isSet(value) || typeof value === 'string'
const isListOrNone = (value: Json | undefined) => !isSet(value) || Array.isArray(value)
