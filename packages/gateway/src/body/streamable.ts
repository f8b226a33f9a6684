import { isObject, isSet, type Json, type JsonObject, list } from '../core/json.ts'
import { sure } from './sure.ts'

/**
 * Checks that a whole answer can be streamed without loss: each member at its position, in a form that the SDK's accumulators
 * read (openai 7.59), and none that they drop or move. The functions throw otherwise: the reader of a stream is then answered
 * by upstream.
 */

/** Choices of an answer, and calls of a choice, that the SDK reads. */
const MOST = 128

export function sureOfChat({ choices, error }: JsonObject): void {
  sure(!error && Array.isArray(choices) && choices.length > 0 && choices.length <= MOST)
  for (const [position, choice] of choices.entries()) {
    sure(isObject(choice) && isAt(choice, position) && isWritten(choice.finish_reason))
    const { message, logprobs } = choice
    sure(isObject(message) && !Object.hasOwn(choice, 'delta'))
    sureOfMessage(message)
    sure(!isSet(logprobs) || isObject(logprobs))
    if (isObject(logprobs)) sure(isListOrNone(logprobs.content) && isListOrNone(logprobs.refusal))
  }
}

function sureOfMessage(message: JsonObject) {
  const { role, content, refusal, annotations, tool_calls, function_call } = message
  sure(!isSet(role) || role === 'assistant')
  sure(isTextOrNone(content) && isTextOrNone(refusal))
  sure(isListOrNone(annotations) && isListOrNone(tool_calls))
  const calls = list(tool_calls)
  sure(calls.length <= MOST)
  for (const call of calls) sureOfCall(call)
  if (!isSet(function_call)) return
  // The SDK drops tool calls next to a `function_call`.
  sure(isObject(function_call) && calls.length === 0)
  sureOfCalled(function_call, 'arguments')
  sure(function_call.name !== '')
}

function sureOfCall(call: Json) {
  sure(isObject(call))
  const { id, type, function: called, custom } = call
  // For a missing id the SDK generates a random one.
  sure(isWritten(id) && (type === 'function' || type === 'custom'))
  sure(!isSet(type === 'function' ? custom : called))
  if (type === 'function') sureOfCalled(called, 'arguments')
  else sureOfCalled(custom, 'input')
}

/** Checks the called function and its arguments. The SDK drops other members. */
function sureOfCalled(value: Json | undefined, field: 'arguments' | 'input') {
  sure(isObject(value))
  const { name, [field]: given, ...rest } = value
  sure(typeof name === 'string' && typeof given === 'string')
  sure(Object.values(rest).every((member) => !isSet(member)))
}

export function sureOfCompletion({ choices, error }: JsonObject): void {
  sure(!error && Array.isArray(choices))
  for (const [position, choice] of choices.entries())
    sure(isObject(choice) && isAt(choice, position) && isTextOrNone(choice.text))
}

/** A choice's index must be its position, or absent. */
const isAt = ({ index }: JsonObject, position: number) => !isSet(index) || index === position

const STATUSES = new Set<Json | undefined>(['completed', 'incomplete', 'failed', undefined, null])

export function sureOfResponse({ id, status, output }: JsonObject): void {
  sure(isWritten(id) && STATUSES.has(status) && Array.isArray(output))
  const known = new Set<string>()
  for (const item of output) {
    sure(isObject(item) && typeof item.type === 'string' && isWritten(item.id))
    const names = [`id:${item.id}`, ...(ROUTED.has(item.type) ? [`${item.type}:${callId(item)}`] : [])]
    for (const name of names) {
      sure(!known.has(name))
      known.add(name)
    }
    sureOfItem(item)
  }
}

/** Items that the SDK also identifies by their call ids. */
const ROUTED = new Set(['function_call', 'custom_tool_call', 'shell_call', 'shell_call_output'])

function callId({ call_id }: JsonObject): string {
  sure(isWritten(call_id))
  return call_id
}

function sureOfItem(item: JsonObject) {
  const { type } = item
  if (type === 'function_call') sure(typeof item.arguments === 'string')
  else if (type === 'custom_tool_call') sure(typeof item.input === 'string')
  else if (type === 'message') {
    sure(Array.isArray(item.content))
    for (const part of item.content) {
      sure(isObject(part) && (part.type === 'output_text' || part.type === 'refusal'))
      if (part.type === 'refusal') sure(typeof part.refusal === 'string')
      else
        sure(typeof part.text === 'string' && isListOrNone(part.annotations) && isListOrNone(part.logprobs))
    }
  } else if (type === 'reasoning') {
    sure(isListOrNone(item.summary) && isListOrNone(item.content))
    for (const part of list(item.summary))
      sure(isObject(part) && part.type === 'summary_text' && typeof part.text === 'string')
  }
}

const isWritten = (value: Json | undefined): value is string => typeof value === 'string' && value !== ''
const isTextOrNone = (value: Json | undefined) => !isSet(value) || typeof value === 'string'
const isListOrNone = (value: Json | undefined) => !isSet(value) || Array.isArray(value)
