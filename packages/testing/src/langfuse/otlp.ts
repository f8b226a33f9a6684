import { type Json, type JsonObject, list, object, text } from '../core/json.ts'
import { type CountText, pricedByV4 } from './cost.ts'
import { given, type LangfuseObservation, type Ledger, mergeTrace, noteStored } from './ledger.ts'
import { environmentProblem } from './rules.ts'

/** A span as OTLP has it, its attributes as plain values. */
export type Span = {
  raw: JsonObject
  attributes: JsonObject
  resource: JsonObject
  scope: string
}

export function spansOf(body: JsonObject): Span[] {
  return list(body.resourceSpans).flatMap((resourceSpan) => {
    const resource = plain(object(object(resourceSpan).resource).attributes)
    return list(object(resourceSpan).scopeSpans).flatMap((scopeSpan) =>
      list(object(scopeSpan).spans).map((span) => ({
        raw: object(span),
        attributes: plain(object(span).attributes),
        resource,
        scope: text(object(object(scopeSpan).scope).name),
      })),
    )
  })
}

const plain = (attributes: Json | undefined): JsonObject =>
  Object.fromEntries(
    list(attributes).map((attribute) => [text(object(attribute).key), plainValue(object(attribute).value)]),
  )

function plainValue(value: Json | undefined): Json {
  const { stringValue, intValue, doubleValue, boolValue, arrayValue, kvlistValue } = object(value)
  if (arrayValue) return list(object(arrayValue).values).map(plainValue)
  if (kvlistValue) return plain(object(kvlistValue).values)
  // OTLP writes 64-bit integers as strings.
  if (intValue !== undefined && intValue !== null) return Number(intValue)
  return stringValue ?? doubleValue ?? boolValue ?? null
}

/** Why 4.16.0 takes nothing of an export: one span without ids, or something that is no list. */
export function exportProblem(body: JsonObject): string | undefined {
  const spans = spansOf(body)
  const reasons = new Set<string>()
  let invalid = 0
  for (const { raw } of spans) {
    const found = [
      ...(['traceId', 'spanId'] as const).filter((id) => raw[id] === undefined || raw[id] === null),
    ].map((id) => `${id}:absent`)
    for (const id of ['traceId', 'spanId', 'parentSpanId'] as const)
      if (['number', 'boolean'].includes(typeof raw[id])) found.push(`${id}:not_an_id`)
    if (raw.attributes !== undefined && raw.attributes !== null && !Array.isArray(raw.attributes))
      found.push('attributes:not_an_array')
    if (found.length > 0) invalid += 1
    for (const reason of found) reasons.add(reason)
  }
  if (invalid === 0) return undefined
  return `Invalid OTLP trace export: ${invalid} of ${spans.length} span(s) cannot be processed (${[...reasons].join(', ')}). The entire export was rejected and no spans were ingested.`
}

/** Stores a span as an observation; what it says of its trace is all that 4.16.0 knows of that. */
export function storeSpan(
  { raw, attributes, resource, scope }: Span,
  ledger: Ledger,
  count: CountText,
): void {
  const id = text(raw.spanId)
  const traceId = text(raw.traceId)
  const read = (...keys: string[]): string | undefined => {
    const key = keys.find((key) => attributes[key])
    if (key === undefined) return undefined
    const value = attributes[key]
    return typeof value === 'string' ? value : JSON.stringify(value)
  }
  const observed = (name: string) => read(`langfuse.observation.${name}`)
  const model = observed('model.name') ?? read('gen_ai.response.model', 'gen_ai.request.model')
  // It looks for the model's price in PostgreSQL, which refuses to: after it has answered 200.
  if (model?.includes('\0')) return
  const status = object(raw.status)
  const environment = environmentOf(
    attributes['langfuse.environment'] ??
      resource['langfuse.environment'] ??
      resource['deployment.environment.name'],
  )
  const release = text(attributes['langfuse.release'] ?? resource['langfuse.release'])
  const version = text(attributes['langfuse.version'] ?? resource['service.version'])
  const traceMetadata = prefixed(attributes, 'langfuse.trace.metadata')
  const observation: LangfuseObservation = {
    id,
    traceId,
    type: (observed('type') ?? 'span').toUpperCase(),
    level: levelOf(observed('level')) ?? (status.code === 2 ? 'ERROR' : 'DEFAULT'),
    ...given({
      name: text(raw.name),
      parentObservationId: text(raw.parentSpanId) || undefined,
      startTime: timeOf(raw.startTimeUnixNano),
      endTime: timeOf(raw.endTimeUnixNano),
      completionStartTime: momentOf(observed('completion_start_time')),
      model,
      input: parsed(attributes['langfuse.observation.input']),
      output: parsed(attributes['langfuse.observation.output']),
      statusMessage: observed('status_message') ?? (text(status.message) || undefined),
      version: version || undefined,
    }),
    environment,
    modelParameters: object(parsed(attributes['langfuse.observation.model.parameters'])),
    metadata: {
      ...repeatedOf(scope, attributes),
      resourceAttributes: resource,
      ...prefixed(attributes, 'langfuse.observation.metadata'),
      ...traceMetadata,
    },
    tokens: {},
    usageDetails: {},
    costDetails: {},
  }
  if (observation.type === 'GENERATION' || observation.type === 'EMBEDDING') {
    const usage = object(parsed(attributes['langfuse.observation.usage_details']))
    const costs = object(parsed(attributes['langfuse.observation.cost_details']))
    Object.assign(observation, pricedByV4(usage, costs, observation, count))
  }
  ledger.observations.set(id, observation)
  noteStored(ledger, id)
  const tags = list(attributes['langfuse.trace.tags']).map((tag) =>
    typeof tag === 'string' ? tag : String(tag),
  )
  mergeTrace(ledger, traceId, {
    ...given({
      name: read('langfuse.trace.name'),
      userId: read('langfuse.user.id', 'user.id'),
      sessionId: read('langfuse.session.id', 'session.id', 'gen_ai.conversation.id'),
      timestamp: ledger.traces.get(traceId)?.timestamp ?? observation.startTime,
      release: release || undefined,
      version: version || undefined,
    }),
    environment,
    tags,
    metadata: traceMetadata,
  })
}

/** Of spans that are not from its own SDKs, every attribute but question and answer stands in the metadata once more. */
function repeatedOf(scope: string, attributes: JsonObject): JsonObject {
  if (scope.startsWith('langfuse-sdk')) return {}
  const rest = Object.entries(attributes).filter(
    ([key]) => !/^langfuse\.(observation|trace)\.(in|out)put$/.test(key),
  )
  return Object.fromEntries(rest.map(([key, value]) => [`attributes.${key}`, value]))
}

const LEVELS = ['DEBUG', 'DEFAULT', 'WARNING', 'ERROR']
const levelOf = (level: string | undefined) =>
  level !== undefined && LEVELS.includes(level.toUpperCase()) ? level.toUpperCase() : undefined

/** Never refused: what does not fit is taken for `default`. */
function environmentOf(value: Json | undefined): string {
  const normal = text(value)
    .toLowerCase()
    .replace(/^(?:langfuse[-_]?)+/, '')
    .slice(0, 40)
  return environmentProblem(normal) === undefined ? normal : 'default'
}

/** A JSON object under the prefix itself, and `prefix.key` for each key. */
function prefixed(attributes: JsonObject, prefix: string): JsonObject {
  const found: JsonObject = { ...object(parsed(attributes[prefix])) }
  for (const [key, value] of Object.entries(attributes))
    if (key.startsWith(`${prefix}.`)) found[key.slice(prefix.length + 1)] = value
  return found
}

function parsed(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function timeOf(nanos: Json | undefined): string | undefined {
  if (typeof nanos !== 'string' && typeof nanos !== 'number') return undefined
  const milliseconds = typeof nanos === 'string' ? Number(nanos.slice(0, -6)) : nanos / 1e6
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : undefined
}

/** SDKs of old wrote it as a JSON string. */
function momentOf(value: string | undefined): string | undefined {
  const moment = text(parsed(value)) || value
  return moment !== undefined && !Number.isNaN(Date.parse(moment)) ? moment : undefined
}
