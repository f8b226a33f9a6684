import type { Call } from '../core/call.ts'
import { isSet, type Json, type JsonObject, list, object } from '../core/json.ts'
import type { ModelFamily } from '../operations/facts.ts'
import { OPERATIONS } from '../operations/operations.ts'

/** Returns `undefined` for models other than OpenAI's. */
function familyOf(model: string): ModelFamily | undefined {
  const name = model.slice(model.lastIndexOf('/') + 1).replace(/^ft:/, '')
  if (/^gpt-5-chat/.test(name)) return 'plain'
  if (/^gpt-(?:[5-9]|\d\d)(?:[.:-]|$)/.test(name)) return 'gpt-5'
  if (/^o\d+(?:[:-]|$)/.test(name)) return 'o'
  return /^(?:gpt-[34]|chatgpt-4)/.test(name) ? 'plain' : undefined
}

/**
 * Returns the edits of a body for a model other than the requested one: renames the limit of output tokens, and removes
 * fields that the model refuses. `undefined` removes a field. Calls to the requested model are not edited.
 */
export function translated({ operation, body, model }: Call): Record<string, Json | undefined> {
  const { refusedBy, output } = OPERATIONS[operation]
  const family = refusedBy && familyOf(model)
  if (family === undefined) return {}
  const edits: Record<string, Json | undefined> = {}
  for (const name of refusedBy?.[family] ?? []) if (body[name] !== undefined) edits[name] = undefined
  if (output === 'items') return { ...edits, ...inner(body, family) }
  const { max_tokens: most, max_completion_tokens: mostOfAll } = body
  if (family !== 'plain' && isSet(most) && !isSet(mostOfAll)) edits.max_completion_tokens = most
  return edits
}

/** Returns the edits of members inside members of a Responses body: `include` and `text.verbosity`. */
function inner(body: JsonObject, family: ModelFamily): Record<string, Json | undefined> {
  const edits: Record<string, Json | undefined> = {}
  const refused = family === 'plain' ? 'reasoning.encrypted_content' : 'message.output_text.logprobs'
  const include = list(body.include)
  if (include.includes(refused)) edits.include = include.filter((item) => item !== refused)
  const { verbosity, ...text } = object(body.text)
  if (family !== 'gpt-5' && verbosity !== undefined)
    edits.text = Object.keys(text).length > 0 ? text : undefined
  return edits
}
