import { isObject, isSet, type JsonObject, list, object } from '../../core/json.ts'
import { isCall, isCustomCall, offeredTools } from './calls.ts'
import { areComplete, isNonBlank, requestedCount } from './count.ts'

/** Whether the answer has all requested choices, each with text or with tool calls whose arguments parse. */
export function hasAllChoices(body: JsonObject, { choices }: JsonObject): boolean {
  const tools = offeredTools([...list(body.tools), ...list(body.functions)])
  const all = list(choices)
  return areComplete(all, requestedCount(body)) && all.every((choice) => hasContent(object(choice), tools))
}

function hasContent({ message, finish_reason }: JsonObject, tools: ReadonlySet<string> | undefined): boolean {
  if (!isObject(message)) return false
  const { content, refusal, tool_calls, function_call } = message
  // A stream cannot carry such content.
  if (isSet(content) && typeof content !== 'string') return false
  if (isSet(tool_calls) && !Array.isArray(tool_calls)) return false
  const calls = list(tool_calls)
  if (!calls.every((call) => isToolCall(object(call), tools))) return false
  if (isSet(function_call) && !isCall(object(function_call), tools)) return false
  if (finish_reason === 'tool_calls' && calls.length === 0) return false
  if (finish_reason === 'function_call' && !isSet(function_call)) return false
  return calls.length > 0 || isSet(function_call) || isNonBlank(content) || isNonBlank(refusal)
}

function isToolCall(call: JsonObject, tools: ReadonlySet<string> | undefined): boolean {
  if (!isNonBlank(call.id)) return false
  return call.type === 'custom'
    ? isCustomCall(object(call.custom), tools)
    : call.type === 'function' && isCall(object(call.function), tools)
}
