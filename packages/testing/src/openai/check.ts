import { type Json, type JsonObject, text } from '../core/json.ts'
import type { Problem } from './errors.ts'
import type { FakeRequest } from './request.ts'

const NO_KEY =
  "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
const NO_JSON =
  "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"

/** Why OpenAI would not accept this key. */
export function keyProblem({ headers }: FakeRequest, apiKeys: string[] | undefined): Problem | undefined {
  const given = /^Bearer\s+(.*)$/i.exec(String(headers.authorization ?? ''))?.[1]?.trim()
  const key = given || String(headers['api-key'] ?? '').trim()
  if (key === '') return { status: 401, code: 'invalid_api_key', message: NO_KEY }
  if (apiKeys === undefined || apiKeys.includes(key)) return undefined
  const shown = key.length > 8 ? `${key.slice(0, 4)}****${key.slice(-4)}` : '****'
  return { status: 401, message: `Incorrect API key provided: ${shown}.` }
}

/** Why OpenAI would not accept this body for an answer of a model. */
export function bodyProblem({ path, body, text: source }: FakeRequest): Problem | undefined {
  if (Object.keys(body).length === 0 && !/^\s*\{\s*\}\s*$/.test(source))
    return { status: 400, message: NO_JSON }
  return modelProblem(path, body) ?? sizeProblem(body)
}

function modelProblem(path: string, { model, prompt }: JsonObject): Problem | undefined {
  if (text(model) !== '') return undefined
  if (path !== '/v1/responses') return { status: 400, message: 'you must provide a model parameter' }
  // A stored prompt brings its own model.
  if (typeof prompt === 'object' && prompt !== null) return undefined
  return {
    status: 400,
    code: 'missing_required_parameter',
    param: 'model',
    message: "Missing required parameter: 'model'.",
  }
}

/** What is asked for must fit into OpenAI's limits, and so into the server's memory. */
const LIMITS: [name: string, least: number, most: number][] = [
  ['n', 1, 128],
  ['top_logprobs', 0, 20],
  ['dimensions', 1, 3_072],
]

function sizeProblem(body: JsonObject): Problem | undefined {
  for (const [name, least, most] of LIMITS) {
    const given = body[name]
    if (given === undefined || given === null || fits(given, least, most)) continue
    const message = `Invalid '${name}': expected an integer between ${least} and ${most}.`
    return { status: 400, code: 'invalid_value', param: name, message }
  }
  const many =
    Array.isArray(body.input) &&
    body.input.length > 2_048 &&
    body.input.some((item) => typeof item === 'string')
  return many
    ? { status: 400, param: 'input', message: "'$.input' is too long: at most 2048 items." }
    : undefined
}

const fits = (value: Json, least: number, most: number) =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
