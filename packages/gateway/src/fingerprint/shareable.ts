import { isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { hasReference, referencesContent } from './references.ts'

/**
 * Returns why an answer to this body may be neither stored nor shared; `undefined`: it may. Tools, items and content
 * parts are checked against lists of safe ones, so that future additions of OpenAI are not shared.
 */
export function bypassReason(
  operation: Operation,
  body: JsonObject,
  model: string,
  remote: boolean,
): string | undefined {
  if (isSet(body.model) && typeof body.model !== 'string') return 'odd-model'
  return REASONS[operation](body, model, remote)
}

const REASONS: Record<Operation, (body: JsonObject, model: string, remote: boolean) => string | undefined> = {
  chat,
  responses,
  // Servers other than OpenAI accept images and the like here.
  embeddings: ({ input }, _, remote) =>
    !remote && list(input).some(hasReference) ? 'remote-content' : undefined,
  completions: () => undefined,
}

function chat(body: JsonObject, model: string, remote: boolean): string | undefined {
  if (body.store === true) return 'stored-upstream'
  if (isSet(body.web_search_options) || model.includes('-search-')) return 'looks-at-the-world'
  if (isSet(body.audio) || list(body.modalities).includes('audio')) return 'audio-output'
  if (!list(body.tools).every((tool) => CHAT_TOOLS.has(typeOf(tool)))) return 'hosted-tool'
  if (remote) return undefined
  const messages = list(body.messages).map(object)
  const isRemote = messages.some(
    ({ content, audio }) =>
      list(content).some(referencesContent) || hasReference(content) || hasReference(audio),
  )
  return isRemote ? 'remote-content' : undefined
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
  if (remote) return undefined
  const parts = items.flatMap((item) => [...list(object(item).content), ...list(object(item).output)])
  const filled = Object.values(object(object(body.prompt).variables))
  return [...parts, ...filled].some(referencesContent) ? 'remote-content' : undefined
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

/** Short-form ("easy") input messages have a role and no type. */
const itemType = (item: Json) => typeOf(item) || (isSet(object(item).role) ? 'message' : '')

const typeOf = (value: Json): string => text(object(value).type)
