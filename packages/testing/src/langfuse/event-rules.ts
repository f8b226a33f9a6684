import { type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { LangfuseVersion } from './options.ts'

/** A problem of an event. `rejected`: the server rejects the event; otherwise it stores it without the field. */
export type Finding = { problem: string; rejected: boolean }

type Check = (value: Json, version: LangfuseVersion) => Finding | undefined

const reject = (problem: string): Finding => ({ problem, rejected: true })
const warn = (problem: string): Finding => ({ problem, rejected: false })

const string: Check = (value) => (typeof value === 'string' ? undefined : reject('is no string'))
const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : reject('is no boolean'))
const integer: Check = (value) => (Number.isInteger(value) ? undefined : reject('is no integer'))
const nonNegative: Check = (value) =>
  typeof value !== 'number' ? reject('is no number') : value < 0 ? warn('is negative') : undefined
const tokens: Check = (value, version) => integer(value, version) ?? nonNegative(value, version)
const anything: Check = () => undefined

const id: Check = (value, version) => {
  if (typeof value !== 'string' || value === '') return reject('is no id')
  const breaks =
    value.length > 800 ? 'is longer than 800 characters' : value.includes('\r') && 'has a line break'
  return breaks ? { problem: breaks, rejected: version === '4.16.0' } : undefined
}

const name: Check = (value, version) => {
  if (typeof value !== 'string') return reject('is no string')
  return value.length > 1000
    ? { problem: 'is longer than 1000 characters', rejected: version === '4.16.0' }
    : undefined
}

/** Matches an ISO time with a zone, which both servers require. `Date.parse` accepts many other forms. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/
const time: Check = (value) =>
  TIME.test(text(value)) && !Number.isNaN(Date.parse(text(value)))
    ? undefined
    : reject('is no ISO time with a zone')

export const environmentProblem = (value: Json): string | undefined =>
  /^(?!langfuse)[a-z0-9-_]{1,40}$/.test(text(value)) ? undefined : 'is no environment that Langfuse keeps'
const environment: Check = (value) => {
  const problem = environmentProblem(value)
  return problem === undefined ? undefined : warn(problem)
}

const oneOf =
  (...allowed: string[]): Check =>
  (value) =>
    allowed.includes(text(value)) ? undefined : reject(`is not one of ${allowed.join(', ')}`)

const strings: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? undefined
    : reject('is no list of strings')

/** Checks every value of an object. */
const valuesAre =
  (check: Check): Check =>
  (value, version) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return reject('is no object')
    for (const [key, part] of Object.entries(value)) {
      const found = part === null ? undefined : check(part, version)
      if (found) return { ...found, problem: `.${key} ${found.problem}` }
    }
    return undefined
  }

const parameter: Check = (value) =>
  typeof value !== 'object' || (Array.isArray(value) && strings(value, '4.16.0') === undefined)
    ? undefined
    : reject('is no scalar or list of strings')

const objectWith =
  (fields: Record<string, Check>): Check =>
  (value, version) =>
    findingsOf(object(value), fields, [], version)[0]

const COUNTS = ['input', 'output', 'total', 'promptTokens', 'completionTokens', 'totalTokens']
const USAGE: Record<string, Check> = {
  ...Object.fromEntries(COUNTS.map((count) => [count, tokens])),
  unit: oneOf('TOKENS', 'CHARACTERS', 'MILLISECONDS', 'SECONDS', 'IMAGES', 'REQUESTS'),
  inputCost: nonNegative,
  outputCost: nonNegative,
  totalCost: nonNegative,
}

/** Buckets are integers. OpenAI's own usage object is exempt: it holds details. */
const usageDetails: Check = (value, version) =>
  'prompt_tokens' in object(value) || 'input_tokens' in object(value)
    ? undefined
    : valuesAre(tokens)(value, version)

const TRACE: Record<string, Check> = {
  id,
  timestamp: time,
  name,
  externalId: string,
  input: anything,
  output: anything,
  sessionId: string,
  userId: string,
  environment,
  metadata: anything,
  release: string,
  version: string,
  public: boolean,
  tags: strings,
}
const EVENT: Record<string, Check> = {
  id,
  traceId: id,
  name: string,
  startTime: time,
  metadata: anything,
  input: anything,
  output: anything,
  level: oneOf('DEBUG', 'DEFAULT', 'WARNING', 'ERROR'),
  statusMessage: string,
  parentObservationId: string,
  version: string,
  environment,
}
const SPAN: Record<string, Check> = { ...EVENT, endTime: time }
const GENERATION: Record<string, Check> = {
  ...SPAN,
  completionStartTime: time,
  model: string,
  modelParameters: valuesAre(parameter),
  usage: objectWith(USAGE),
  usageDetails,
  costDetails: valuesAre(nonNegative),
  promptName: string,
  promptVersion: integer,
}
const OBSERVATION: Record<string, Check> = { ...GENERATION, type: oneOf('GENERATION', 'SPAN', 'EVENT') }
const SCORE: Record<string, Check> = {
  id,
  name: (value) => (text(value) === '' ? reject('is no name') : undefined),
  traceId: string,
  sessionId: string,
  datasetRunId: string,
  observationId: string,
  environment,
  comment: string,
  metadata: anything,
  source: oneOf('API', 'EVAL', 'ANNOTATION'),
  queueId: string,
  configId: string,
  value: anything,
  dataType: oneOf('NUMERIC', 'CATEGORICAL', 'BOOLEAN', 'CORRECTION', 'TEXT'),
}

const BODIES: Record<string, { fields: Record<string, Check>; required: string[] } | undefined> = {
  'trace-create': { fields: TRACE, required: [] },
  'event-create': { fields: EVENT, required: ['id'] },
  'span-create': { fields: SPAN, required: ['id'] },
  'span-update': { fields: SPAN, required: ['id'] },
  'generation-create': { fields: GENERATION, required: ['id'] },
  'generation-update': { fields: GENERATION, required: ['id'] },
  'observation-create': { fields: OBSERVATION, required: ['type'] },
  'observation-update': { fields: OBSERVATION, required: ['type', 'id'] },
  'score-create': { fields: SCORE, required: ['name', 'value'] },
  'sdk-log': { fields: { log: anything, id: anything }, required: ['log'] },
}

/** Checks the envelope and the body of an event of a batch. */
export function eventFindings(event: Json, version: LangfuseVersion): Finding[] {
  const { type, body, ...envelope } = object(event)
  const shape = Object.hasOwn(BODIES, text(type)) ? BODIES[text(type)] : undefined
  if (shape === undefined) return [reject(`type ${JSON.stringify(type)} is unknown`)]
  const outer = { id, timestamp: time, metadata: anything }
  const found = findingsOf(envelope, outer, ['id', 'timestamp'], version)
  if (text(type) === 'score-create') return [...found, ...scoreFindings(object(body), version)]
  return [...found, ...findingsOf(object(body), shape.fields, shape.required, version)]
}

export function scoreFindings(body: JsonObject, version: LangfuseVersion): Finding[] {
  // 2.95.12 requires a trace for every score; later versions accept a session.
  const required = ['name', 'value', ...(version === '2.95.12' ? ['traceId'] : [])]
  const found = findingsOf(body, SCORE, required, version)
  const numeric = typeof body.value === 'number'
  const fits: Record<string, boolean> = {
    NUMERIC: numeric,
    BOOLEAN: body.value === 0 || body.value === 1,
    CATEGORICAL: !numeric,
    CORRECTION: !numeric && version === '4.16.0',
    TEXT: !numeric && version === '4.16.0' && text(body.value).length <= 500,
  }
  if (!numeric && typeof body.value !== 'string') found.push(reject('value is neither number nor string'))
  else if (body.dataType && fits[text(body.dataType)] === false)
    found.push(reject(`value ${JSON.stringify(body.value)} is no ${text(body.dataType)} score`))
  if (!body.traceId && !body.sessionId && !body.datasetRunId)
    found.push(warn('belongs to no trace and no session'))
  return found
}

function findingsOf(
  body: JsonObject,
  fields: Record<string, Check>,
  required: string[],
  version: LangfuseVersion,
): Finding[] {
  const missing = required
    .filter((field) => body[field] === undefined || body[field] === null)
    .map((field) => reject(`${field} is missing`))
  const wrong = Object.entries(body).flatMap(([field, value]) => {
    const check = Object.hasOwn(fields, field) ? fields[field] : undefined
    if (check === undefined) return [warn(`${field} is no field Langfuse reads`)]
    const found = value === null || value === undefined ? undefined : check(value, version)
    return found ? [{ ...found, problem: `${field} ${found.problem}` }] : []
  })
  return [...missing, ...wrong]
}

/** Returns the id of an event for a complaint; `unknown` where it has none. */
export const idOfEvent = (event: Json): string => text(object(event).id) || 'unknown'

export const batchOf = (body: JsonObject): Json[] | undefined =>
  Array.isArray(body.batch) ? list(body.batch) : undefined
