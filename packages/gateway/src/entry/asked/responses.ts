import { type JsonObject, list, object } from '../../core/json.ts'
import { isCall, isCustomCall, offered } from './calls.ts'
import { isWritten } from './count.ts'

/** Items that are done, of which at least one says something or calls a tool. */
export function isSaid(body: JsonObject, { id, output }: JsonObject): boolean {
  const items = list(output).map(object)
  const names = offered(list(body.tools).flatMap(ofNamespace))
  const ids = new Set(items.map((item) => item.id))
  return (
    isWritten(id) &&
    ids.size === items.length &&
    items.every((item) => isWhole(item, names)) &&
    items.some(({ type }) => type !== 'reasoning')
  )
}

const ofNamespace = (tool: JsonObject[string]) => {
  const { type, tools } = object(tool)
  return type === 'namespace' ? list(tools) : [tool]
}

function isWhole(item: JsonObject, names: ReadonlySet<string> | undefined): boolean {
  const { id, type, status, content, call_id } = item
  // Without an id, the events of a replay would belong to no item.
  if (!isWritten(id) || (status !== undefined && status !== null && status !== 'completed')) return false
  if (type === 'function_call') return isWritten(call_id) && isCall(item, names)
  if (type === 'custom_tool_call') return isWritten(call_id) && isCustomCall(item, names)
  return type !== 'message' || list(content).some((part) => isTold(object(part)))
}

const isTold = ({ type, text, refusal }: JsonObject) =>
  type === 'refusal' ? isWritten(refusal) : isWritten(text)
