import type { Json, JsonObject, Operation } from '../call.ts'
import { isSet, list, object, text } from '../json.ts'

/**
 * Why an answer to this body may be neither stored nor shared, or `undefined` if it may. Tools, items and content
 * parts are held against lists of what is known to be safe: what OpenAI adds tomorrow is not.
 */
export function whyNot(
  operation: Operation,
  body: JsonObject,
  model: string,
  remote: boolean,
): string | undefined {
  if (isSet(body.model) && typeof body.model !== 'string') return 'odd-model'
  if (operation === 'chat') return chat(body, model, remote)
  if (operation === 'responses') return responses(body, model, remote)
  return undefined
}

function chat(body: JsonObject, model: string, remote: boolean): string | undefined {
  if (body.store === true) return 'stored-upstream'
  if (isSet(body.web_search_options) || model.includes('-search-')) return 'looks-at-the-world'
  if (isSet(body.audio) || list(body.modalities).includes('audio')) return 'audio-output'
  if (!list(body.tools).every((tool) => CHAT_TOOLS.has(typeOf(tool)))) return 'hosted-tool'
  const parts = list(body.messages).flatMap((message) => list(object(message).content))
  return remote ? undefined : parts.some(pointsElsewhere) ? 'remote-content' : undefined
}

function responses(body: JsonObject, model: string, remote: boolean): string | undefined {
  if (body.store === true) return 'stored-upstream'
  if (body.background === true) return 'background'
  if (isSet(body.conversation) || isSet(body.previous_response_id)) return 'stateful'
  if (isSet(body.prompt) && !isSet(object(body.prompt).version)) return 'unpinned-prompt'
  if (model.includes('deep-research')) return 'looks-at-the-world'
  if (!list(body.tools).every(safeTool)) return 'hosted-tool'
  const items = list(body.input)
  if (!items.every((item) => ITEMS.has(itemType(item)))) return 'stateful-input'
  const parts = items.flatMap((item) => [...list(object(item).content), ...list(object(item).output)])
  return remote ? undefined : parts.some(pointsElsewhere) ? 'remote-content' : undefined
}

const CHAT_TOOLS = new Set(['function', 'custom'])
const ITEMS = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'reasoning',
])

const safeTool = (tool: Json): boolean =>
  typeOf(tool) === 'namespace' ? list(object(tool).tools).every(safeTool) : CHAT_TOOLS.has(typeOf(tool))

/** "Easy" input messages have a role and no type. */
const itemType = (item: Json) => typeOf(item) || (isSet(object(item).role) ? 'message' : '')

/** Images and files behind an address or an id may change under an unchanged request. */
function pointsElsewhere(part: Json): boolean {
  const { type, image_url, file, file_id, file_url } = object(part)
  const url = typeof image_url === 'string' ? image_url : object(image_url).url
  if (typeof url === 'string' && !url.startsWith('data:')) return true
  if (isSet(file_id) || isSet(file_url) || isSet(object(file).file_id)) return true
  return type === 'item_reference'
}

const typeOf = (value: Json): string => text(object(value).type)
