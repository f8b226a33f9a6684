import type { Call } from '../core/call.ts'
import { isObject, isSet, type Json, type JsonObject, list, object } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { copied } from '../util/error-text.ts'
import type { Content } from './sink.ts'

/** Returns the content of a call: not masked yet, but without the credentials of hosted tools. */
export function contentOf(operation: Operation, body: JsonObject, answer: JsonObject | undefined): Content {
  const asked = OPERATIONS[operation].input.question.filter((name) => isSet(body[name]))
  const [only = ''] = asked
  const content: Content = {
    input:
      asked.length > 1
        ? Object.fromEntries(asked.map((name) => [name, body[name] as Json]))
        : (body[only] ?? null),
  }
  const tools = body.tools ?? body.functions
  if (isSet(tools)) content.tools = list(tools).map(withoutCredentials)
  const output = answer && outputOf(operation, answer)
  if (output !== undefined) content.output = output
  return content
}

function outputOf(operation: Operation, answer: JsonObject): Json | undefined {
  const { output } = OPERATIONS[operation]
  if (output === 'items') return answer.output
  if (output === 'vectors') return undefined
  const said = list(answer.choices).map((choice) => object(choice)[output] ?? null)
  return said.length === 1 ? said[0] : said
}

/** Removes credentials from a hosted tool: remote MCP servers take `authorization` and `headers`. */
function withoutCredentials(tool: Json): Json {
  if (!isObject(tool) || tool.type === 'function' || tool.type === 'custom') return tool
  return redacted(tool)
}

const CREDENTIAL = /auth|headers|token|secret|password|cookie|credential|api_?key|access_?key/i

function redacted(json: Json): Json {
  if (Array.isArray(json)) return json.map(redacted)
  if (!isObject(json)) return json
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      CREDENTIAL.test(name) ? '<left out>' : redacted(value),
    ]),
  )
}

const SCALARS = [
  'temperature',
  'top_p',
  'n',
  'seed',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'presence_penalty',
  'frequency_penalty',
  'reasoning_effort',
  'verbosity',
  'service_tier',
  'parallel_tool_calls',
  'truncation',
  'dimensions',
  'encoding_format',
] as const

/** Returns the request's parameters as scalars. */
export function parametersOf({
  body,
  view,
}: Pick<Call, 'body' | 'view'>): Record<string, string | number | boolean> {
  const found: Record<string, string | number | boolean> = {}
  for (const name of SCALARS) set(name, body[name])
  set('reasoning_effort', object(body.reasoning).effort)
  set('verbosity', object(body.text).verbosity)
  set('response_format', object(body.response_format).type ?? object(object(body.text).format).type)
  set('tool_choice', body.tool_choice)
  if (view.stream) found.stream = true
  return found

  function set(name: string, value: Json | undefined) {
    if (typeof value === 'string')
      found[name] = (value.length > 200 ? copied(value, 200) : value).toWellFormed()
    else if (typeof value === 'number' || typeof value === 'boolean') found[name] = value
  }
}
