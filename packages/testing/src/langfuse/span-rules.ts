import { type Json, type JsonObject, object, text } from '../core/json.ts'
import { environmentProblem } from './event-rules.ts'
import type { Span } from './otlp.ts'

/** Returns the problems of a span. 4.16.0 accepts most of them and stores less. */
export function spanProblems({ raw, attributes }: Span): string[] {
  const found: string[] = []
  const complain = (wrong: boolean, problem: string) => void (wrong && found.push(problem))
  complain(!/^(?!0{32})[0-9a-f]{32}$/.test(text(raw.traceId)), 'traceId is not 32 hexadecimal digits')
  complain(!/^(?!0{16})[0-9a-f]{16}$/.test(text(raw.spanId)), 'spanId is not 16 hexadecimal digits')
  complain(
    Boolean(raw.parentSpanId) && !/^[0-9a-f]{16}$/.test(text(raw.parentSpanId)),
    'parentSpanId is not 16 hexadecimal digits',
  )
  complain(
    text(raw.name) === '' || text(raw.name).length > 1000,
    'name is empty or longer than 1000 characters',
  )
  const [start, end] = [nanos(raw.startTimeUnixNano), nanos(raw.endTimeUnixNano)]
  complain(start === undefined || end === undefined, 'a time is not in nanoseconds')
  complain(start !== undefined && end !== undefined && end < start, 'it ends before it starts')
  found.push(...keyValueProblems(raw.attributes), ...attributeProblems(attributes))
  return found
}

function nanos(value: Json | undefined): bigint | undefined {
  const digits = typeof value === 'number' ? String(value) : text(value)
  // Nanoseconds since the epoch have 19 digits from 2001 to 2286.
  return /^\d{19}$/.test(digits) ? BigInt(digits) : undefined
}

const VALUES = [
  'stringValue',
  'intValue',
  'doubleValue',
  'boolValue',
  'arrayValue',
  'kvlistValue',
  'bytesValue',
]

/** Checks attributes in OTLP's JSON: a list of unique keys, each with exactly one value of a known kind. */
function keyValueProblems(attributes: Json | undefined): string[] {
  if (attributes === undefined) return []
  if (!Array.isArray(attributes)) return ['attributes is no list']
  const seen = new Set<string>()
  return attributes.flatMap((attribute) => {
    const key = text(object(attribute).key)
    const value = object(object(attribute).value)
    const kinds = Object.keys(value)
    const found: string[] = []
    if (key === '' || seen.has(key)) found.push(`attribute ${key} comes twice or has no name`)
    if (kinds.length !== 1 || !VALUES.includes(kinds[0] ?? '')) found.push(`${key} has not exactly one value`)
    if ('intValue' in value && !/^-?\d+$/.test(String(value.intValue))) found.push(`${key} is no integer`)
    if ('doubleValue' in value && typeof value.doubleValue !== 'number') found.push(`${key} is no number`)
    if ('boolValue' in value && typeof value.boolValue !== 'boolean') found.push(`${key} is no boolean`)
    if ('stringValue' in value && typeof value.stringValue !== 'string') found.push(`${key} is no string`)
    seen.add(key)
    return found
  })
}

const STRINGS = [
  'langfuse.trace.name',
  'user.id',
  'session.id',
  'langfuse.release',
  'langfuse.version',
  'langfuse.observation.model.name',
  'langfuse.observation.status_message',
]
const RECORDS = ['usage_details', 'cost_details', 'model.parameters'].map(
  (name) => `langfuse.observation.${name}`,
)
const TYPES = [
  'span',
  'generation',
  'event',
  'embedding',
  'agent',
  'tool',
  'chain',
  'retriever',
  'evaluator',
  'guardrail',
]

function attributeProblems(attributes: JsonObject): string[] {
  const found: string[] = []
  for (const key of STRINGS)
    if (key in attributes && typeof attributes[key] !== 'string') found.push(`${key} is no string`)
  for (const key of RECORDS) if (key in attributes) found.push(...recordProblems(key, attributes[key]))
  const { 'langfuse.trace.tags': tags, 'langfuse.environment': environment } = attributes
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')))
    found.push('langfuse.trace.tags is no list of strings')
  const odd = environment === undefined ? undefined : environmentProblem(environment)
  if (odd) found.push(`langfuse.environment ${odd}`)
  const type = attributes['langfuse.observation.type']
  if (type !== undefined && !TYPES.includes(text(type))) found.push('langfuse.observation.type is unknown')
  const level = attributes['langfuse.observation.level']
  if (level !== undefined && !/^(DEBUG|DEFAULT|WARNING|ERROR)$/.test(text(level)))
    found.push('langfuse.observation.level is unknown')
  const first = attributes['langfuse.observation.completion_start_time']
  if (first !== undefined && Number.isNaN(Date.parse(text(first))))
    found.push('langfuse.observation.completion_start_time is no time')
  const stray = Object.keys(attributes).filter((key) => key.startsWith('langfuse.') && !known(key))
  return [...found, ...stray.map((key) => `${key} is no attribute Langfuse reads`)]
}

const KNOWN = new Set([
  ...STRINGS,
  ...RECORDS,
  ...[
    'type',
    'level',
    'input',
    'output',
    'completion_start_time',
    'metadata',
    'prompt.name',
    'prompt.version',
  ].map((name) => `langfuse.observation.${name}`),
  ...['tags', 'public', 'metadata', 'input', 'output'].map((name) => `langfuse.trace.${name}`),
  'langfuse.environment',
  'langfuse.user.id',
  'langfuse.session.id',
  'langfuse.internal.as_root',
  'langfuse.internal.is_app_root',
])
const known = (key: string) => KNOWN.has(key) || /^langfuse\.(observation|trace)\.metadata\./.test(key)

/** Checks a JSON object in text form; for tokens and costs, that its values are non-negative numbers. */
function recordProblems(key: string, value: Json | undefined): string[] {
  let record: Json
  try {
    record = JSON.parse(text(value))
  } catch {
    return [`${key} is not JSON`]
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return [`${key} is no JSON object`]
  if (key.endsWith('parameters')) return []
  const whole = key.endsWith('usage_details')
  // OpenAI's usage object holds details, which are objects.
  const amounts = Object.entries(record).filter(([name]) => !(whole && /_tokens_details$/.test(name)))
  const right = amounts.every(
    ([, part]) => typeof part === 'number' && part >= 0 && (!whole || Number.isInteger(part)),
  )
  return right ? [] : [`${key} holds something else than ${whole ? 'counts' : 'amounts'}`]
}
