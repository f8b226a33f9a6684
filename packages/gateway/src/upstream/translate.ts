import type { Call } from '../core/call.ts'
import { isSet, type Json, type JsonObject, list, object } from '../core/json.ts'

/** Family of OpenAI models with the same parameters; `undefined` for other models. */
type Family = 'gpt-5' | 'o' | 'plain' | undefined

function familyOf(model: string): Family {
  const name = model.slice(model.lastIndexOf('/') + 1).replace(/^ft:/, '')
  if (/^gpt-5-chat/.test(name)) return 'plain'
  if (/^gpt-(?:[5-9]|\d\d)(?:[.:-]|$)/.test(name)) return 'gpt-5'
  if (/^o\d+(?:[:-]|$)/.test(name)) return 'o'
  return /^(?:gpt-[34]|chatgpt-4)/.test(name) ? 'plain' : undefined
}

const SAMPLING = ['temperature', 'top_p', 'top_logprobs']

/**
 * Fields that a family of models refuses with status 400. Source: OpenAI, "Reasoning models" and "Using GPT-5.2" (parameter
 * compatibility); LiteLLM 1.111, `gpt_5_transformation.py`, `o_series_transformation.py`.
 */
const REFUSED: Record<'chat' | 'responses', Record<NonNullable<Family>, readonly string[]>> = (() => {
  const thinking = [
    ...SAMPLING,
    ...[
      'presence_penalty',
      'frequency_penalty',
      'logprobs',
      'logit_bias',
      'prediction',
      'stop',
      'max_tokens',
    ],
  ]
  return {
    chat: {
      'gpt-5': thinking,
      o: [...thinking, 'parallel_tool_calls', 'verbosity'],
      plain: ['reasoning_effort', 'verbosity'],
    },
    responses: { 'gpt-5': SAMPLING, o: [...SAMPLING, 'parallel_tool_calls'], plain: ['reasoning'] },
  }
})()

/**
 * Returns the edits of a body for a model other than the requested one: renames the limit of output tokens, and removes
 * fields that the model refuses. `undefined` removes a field. Calls to the requested model are not edited.
 */
export function translated({ operation, body, model }: Call): Record<string, Json | undefined> {
  const family = operation === 'chat' || operation === 'responses' ? familyOf(model) : undefined
  if (family === undefined || (operation !== 'chat' && operation !== 'responses')) return {}
  const edits: Record<string, Json | undefined> = {}
  for (const name of REFUSED[operation][family]) if (body[name] !== undefined) edits[name] = undefined
  if (operation === 'responses') return { ...edits, ...inner(body, family) }
  const { max_tokens: most, max_completion_tokens: mostOfAll } = body
  if (family !== 'plain' && isSet(most) && !isSet(mostOfAll)) edits.max_completion_tokens = most
  return edits
}

/** Returns the edits of nested fields of a Responses body: `include` and `text.verbosity`. */
function inner(body: JsonObject, family: Family): Record<string, Json | undefined> {
  const edits: Record<string, Json | undefined> = {}
  const refused = family === 'plain' ? 'reasoning.encrypted_content' : 'message.output_text.logprobs'
  const include = list(body.include)
  if (include.includes(refused)) edits.include = include.filter((item) => item !== refused)
  const { verbosity, ...text } = object(body.text)
  if (family !== 'gpt-5' && verbosity !== undefined)
    edits.text = Object.keys(text).length > 0 ? text : undefined
  return edits
}
