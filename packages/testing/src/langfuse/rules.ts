import { type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { LangfuseVersion } from './options.ts'

/** Something wrong with an event. `refused`: the server does not take it; otherwise it does, and makes less of it. */
export type Finding = { problem: string; refused: boolean }

type Kind = (value: Json, version: LangfuseVersion) => Finding | undefined

const no = (problem: string): Finding => ({ problem, refused: true })
const odd = (problem: string): Finding => ({ problem, refused: false })

const string: Kind = (value) => (typeof value === 'string' ? undefined : no('is no string'))
const boolean: Kind = (value) => (typeof value === 'boolean' ? undefined : no('is no boolean'))
const integer: Kind = (value) => (Number.isInteger(value) ? undefined : no('is no integer'))
const amount: Kind = (value) =>
  typeof value !== 'number' ? no('is no number') : value < 0 ? odd('is negative') : undefined
const tokens: Kind = (value, version) => integer(value, version) ?? amount(value, version)
const anything: Kind = () => undefined

const id: Kind = (value, version) => {
  if (typeof value !== 'string' || value === '') return no('is no id')
  const breaks =
    value.length > 800 ? 'is longer than 800 characters' : value.includes('\r') && 'has a line break'
  return breaks ? { problem: breaks, refused: version === '4.16.0' } : undefined
}

const name: Kind = (value, version) => {
  if (typeof value !== 'string') return no('is no string')
  return value.length > 1000
    ? { problem: 'is longer than 1000 characters', refused: version === '4.16.0' }
    : undefined
}

/** Both servers want a zone; `Date.parse` alone would take almost anything. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/
const time: Kind = (value) =>
  TIME.test(text(value)) && !Number.isNaN(Date.parse(text(value)))
    ? undefined
    : no('is no ISO time with a zone')

export const environmentProblem = (value: Json): string | undefined =>
  /^(?!langfuse)[a-z0-9-_]{1,40}$/.test(text(value)) ? undefined : 'is no environment that Langfuse keeps'
const environment: Kind = (value) => {
  const problem = environmentProblem(value)
  return problem === undefined ? undefined : odd(problem)
}

const oneOf =
  (...allowed: string[]): Kind =>
  (value) =>
    allowed.includes(text(value)) ? undefined : no(`is none of ${allowed.join(', ')}`)

const strings: Kind = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')
    ? undefined
    : no('is no list of strings')

/** Every value of an object. */
const each =
  (kind: Kind): Kind =>
  (value, version) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return no('is no object')
    for (const [key, part] of Object.entries(value)) {
      const found = part === null ? undefined : kind(part, version)
      if (found) return { ...found, problem: `.${key} ${found.problem}` }
    }
    return undefined
  }

const parameter: Kind = (value) =>
  typeof value !== 'object' || (Array.isArray(value) && strings(value, '4.16.0') === undefined)
    ? undefined
    : no('is no scalar or list of strings')

const shaped =
  (fields: Record<string, Kind>): Kind =>
  (value, version) =>
    findingsOf(object(value), fields, [], version)[0]

const COUNTS = ['input', 'output', 'total', 'promptTokens', 'completionTokens', 'totalTokens']
const USAGE: Record<string, Kind> = {
  ...Object.fromEntries(COUNTS.map((count) => [count, tokens])),
  unit: oneOf('TOKENS', 'CHARACTERS', 'MILLISECONDS', 'SECONDS', 'IMAGES', 'REQUESTS'),
  inputCost: amount,
  outputCost: amount,
  totalCost: amount,
}

/** Buckets are integers, but for the details of OpenAI's own object. */
const usageDetails: Kind = (value, version) =>
  'prompt_tokens' in object(value) || 'input_tokens' in object(value)
    ? undefined
    : each(tokens)(value, version)

const TRACE: Record<string, Kind> = {
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
const EVENT: Record<string, Kind> = {
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
const SPAN: Record<string, Kind> = { ...EVENT, endTime: time }
const GENERATION: Record<string, Kind> = {
  ...SPAN,
  completionStartTime: time,
  model: string,
  modelParameters: each(parameter),
  usage: shaped(USAGE),
  usageDetails,
  costDetails: each(amount),
  promptName: string,
  promptVersion: integer,
}
const OBSERVATION: Record<string, Kind> = { ...GENERATION, type: oneOf('GENERATION', 'SPAN', 'EVENT') }
const SCORE: Record<string, Kind> = {
  id,
  name: (value) => (text(value) === '' ? no('is no name') : undefined),
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

const BODIES: Record<string, { fields: Record<string, Kind>; required: string[] } | undefined> = {
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
  if (shape === undefined) return [no(`type ${JSON.stringify(type)} is unknown`)]
  const outer = { id, timestamp: time, metadata: anything }
  const found = findingsOf(envelope, outer, ['id', 'timestamp'], version)
  if (text(type) === 'score-create') return [...found, ...scoreFindings(object(body), version)]
  return [...found, ...findingsOf(object(body), shape.fields, shape.required, version)]
}

export function scoreFindings(body: JsonObject, version: LangfuseVersion): Finding[] {
  // 2.95.12 hangs every score on a trace; later ones may hang on a session.
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
  if (!numeric && typeof body.value !== 'string') found.push(no('value is neither number nor string'))
  else if (body.dataType && fits[text(body.dataType)] === false)
    found.push(no(`value ${JSON.stringify(body.value)} is no ${text(body.dataType)} score`))
  if (!body.traceId && !body.sessionId && !body.datasetRunId)
    found.push(odd('hangs on no trace and no session'))
  return found
}

function findingsOf(
  body: JsonObject,
  fields: Record<string, Kind>,
  required: string[],
  version: LangfuseVersion,
): Finding[] {
  const missing = required
    .filter((field) => body[field] === undefined || body[field] === null)
    .map((field) => no(`${field} is missing`))
  const wrong = Object.entries(body).flatMap(([field, value]) => {
    const kind = Object.hasOwn(fields, field) ? fields[field] : undefined
    if (kind === undefined) return [odd(`${field} is no field Langfuse reads`)]
    const found = value === null || value === undefined ? undefined : kind(value, version)
    return found ? [{ ...found, problem: `${field} ${found.problem}` }] : []
  })
  return [...missing, ...wrong]
}

/** The id in a complaint about an event that may have none. */
export const idOfEvent = (event: Json): string => text(object(event).id) || 'unknown'

export const batchOf = (body: JsonObject): Json[] | undefined =>
  Array.isArray(body.batch) ? list(body.batch) : undefined
