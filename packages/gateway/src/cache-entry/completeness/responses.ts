import { type JsonObject, list, object } from '../../core/json.ts'
import { isCall, isCustomCall, offeredTools } from './calls.ts'
import { isNonBlank } from './count.ts'

/** Whether all output items are complete, and at least one has text or calls a tool. */
export function hasAllItems(body: JsonObject, { id, output }: JsonObject): boolean {
  const items = list(output).map(object)
  const names = offeredTools(list(body.tools).flatMap(ofNamespace))
  const ids = new Set(items.map((item) => item.id))
  return (
    isNonBlank(id) &&
    ids.size === items.length &&
    items.every((item) => isComplete(item, names)) &&
    items.some(({ type }) => type !== 'reasoning')
  )
}

const ofNamespace = (tool: JsonObject[string]) => {
  const { type, tools } = object(tool)
  return type === 'namespace' ? list(tools) : [tool]
}

function isComplete(item: JsonObject, names: ReadonlySet<string> | undefined): boolean {
  const { id, type, status, content, call_id } = item
  // A replay as a stream refers to items by id.
  if (!isNonBlank(id) || (status !== undefined && status !== null && status !== 'completed')) return false
  if (type === 'function_call') return isNonBlank(call_id) && isCall(item, names)
  if (type === 'custom_tool_call') return isNonBlank(call_id) && isCustomCall(item, names)
  return type !== 'message' || list(content).some((part) => hasText(object(part)))
}

const hasText = ({ type, text, refusal }: JsonObject) =>
  type === 'refusal' ? isNonBlank(refusal) : isNonBlank(text)
