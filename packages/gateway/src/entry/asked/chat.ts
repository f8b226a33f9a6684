import { isObject, isSet, type JsonObject, list, object } from '../../core/json.ts'
import { isCall, isCustomCall, offered } from './calls.ts'
import { areComplete, isWritten, wanted } from './count.ts'

/** As many choices as were asked for, each of which says something or calls tools with arguments that parse. */
export function saysAll(body: JsonObject, { choices }: JsonObject): boolean {
  const tools = offered([...list(body.tools), ...list(body.functions)])
  const all = list(choices)
  return areComplete(all, wanted(body)) && all.every((choice) => says(object(choice), tools))
}

function says({ message, finish_reason }: JsonObject, tools: ReadonlySet<string> | undefined): boolean {
  if (!isObject(message)) return false
  const { content, refusal, tool_calls, function_call } = message
  // A stream could not say it.
  if (isSet(content) && typeof content !== 'string') return false
  if (isSet(tool_calls) && !Array.isArray(tool_calls)) return false
  const calls = list(tool_calls)
  if (!calls.every((call) => isToolCall(object(call), tools))) return false
  if (isSet(function_call) && !isCall(object(function_call), tools)) return false
  if (finish_reason === 'tool_calls' && calls.length === 0) return false
  if (finish_reason === 'function_call' && !isSet(function_call)) return false
  return calls.length > 0 || isSet(function_call) || isWritten(content) || isWritten(refusal)
}

function isToolCall(call: JsonObject, tools: ReadonlySet<string> | undefined): boolean {
  if (!isWritten(call.id)) return false
  return call.type === 'custom'
    ? isCustomCall(object(call.custom), tools)
    : call.type === 'function' && isCall(object(call.function), tools)
}
