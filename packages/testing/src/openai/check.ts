import { type Json, type JsonObject, text } from '../core/json.ts'
import type { ApiError } from './errors.ts'
import type { FakeRequest } from './request.ts'

const NO_KEY =
  "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
const NO_JSON =
  "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"

/** Returns OpenAI's error for a missing or unknown key. */
export function keyError({ headers }: FakeRequest, apiKeys: string[] | undefined): ApiError | undefined {
  const given = /^Bearer\s+(.*)$/i.exec(String(headers.authorization ?? ''))?.[1]?.trim()
  const key = given || String(headers['api-key'] ?? '').trim()
  if (key === '') return { status: 401, code: 'invalid_api_key', message: NO_KEY }
  if (apiKeys === undefined || apiKeys.includes(key)) return undefined
  const shown = key.length > 8 ? `${key.slice(0, 4)}****${key.slice(-4)}` : '****'
  return { status: 401, message: `Incorrect API key provided: ${shown}.` }
}

/** Returns OpenAI's error for a body that an answering endpoint does not accept. */
export function bodyError({ path, body, text: source }: FakeRequest): ApiError | undefined {
  if (Object.keys(body).length === 0 && !/^\s*\{\s*\}\s*$/.test(source))
    return { status: 400, message: NO_JSON }
  return modelError(path, body) ?? sizeError(body)
}

function modelError(path: string, { model, prompt }: JsonObject): ApiError | undefined {
  if (text(model) !== '') return undefined
  if (path !== '/v1/responses') return { status: 400, message: 'you must provide a model parameter' }
  // A stored prompt names its model.
  if (typeof prompt === 'object' && prompt !== null) return undefined
  return {
    status: 400,
    code: 'missing_required_parameter',
    param: 'model',
    message: "Missing required parameter: 'model'.",
  }
}

/** OpenAI's limits of integers in a request; they bound the size of an answer, too. */
const LIMITS: [name: string, least: number, most: number][] = [
  ['n', 1, 128],
  ['top_logprobs', 0, 20],
  ['dimensions', 1, 3_072],
]

function sizeError(body: JsonObject): ApiError | undefined {
  for (const [name, least, most] of LIMITS) {
    const given = body[name]
    if (given === undefined || given === null || isIntegerBetween(given, least, most)) continue
    const message = `Invalid '${name}': expected an integer between ${least} and ${most}.`
    return { status: 400, code: 'invalid_value', param: name, message }
  }
  const isTooLong =
    Array.isArray(body.input) &&
    body.input.length > 2_048 &&
    body.input.some((item) => typeof item === 'string')
  return isTooLong
    ? { status: 400, param: 'input', message: "'$.input' is too long: at most 2048 items." }
    : undefined
}

const isIntegerBetween = (value: Json, least: number, most: number) =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
