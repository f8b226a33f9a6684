import { type Json, type JsonObject, list, object, text } from '../core/json.ts'
import { type CountText, priceV4 } from './cost.ts'
import { environmentProblem } from './event-rules.ts'
import {
  countStored,
  definedOnly,
  type LangfuseObservation,
  mergeTrace,
  type TraceStore,
} from './trace-store.ts'

/** A span of OTLP, with its attributes as plain values. */
export type Span = {
  raw: JsonObject
  attributes: JsonObject
  resource: JsonObject
  scope: string
}

/** Returns all spans of an export. */
export function spansOf(body: JsonObject): Span[] {
  return list(body.resourceSpans).flatMap((resourceSpan) => {
    const resource = plainAttributes(object(object(resourceSpan).resource).attributes)
    return list(object(resourceSpan).scopeSpans).flatMap((scopeSpan) =>
      list(object(scopeSpan).spans).map((span) => ({
        raw: object(span),
        attributes: plainAttributes(object(span).attributes),
        resource,
        scope: text(object(object(scopeSpan).scope).name),
      })),
    )
  })
}

const plainAttributes = (attributes: Json | undefined): JsonObject =>
  Object.fromEntries(
    list(attributes).map((attribute) => [text(object(attribute).key), plainValue(object(attribute).value)]),
  )

function plainValue(value: Json | undefined): Json {
  const { stringValue, intValue, doubleValue, boolValue, arrayValue, kvlistValue } = object(value)
  if (arrayValue) return list(object(arrayValue).values).map(plainValue)
  if (kvlistValue) return plainAttributes(object(kvlistValue).values)
  // OTLP writes 64-bit integers as strings.
  if (intValue !== undefined && intValue !== null) return Number(intValue)
  return stringValue ?? doubleValue ?? boolValue ?? null
}

/** Returns why 4.16.0 rejects a whole export: a span without ids, or attributes that are no list. */
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

/** Stores a span as an observation, and its trace attributes as the trace: 4.16.0 receives no other traces. */
export function storeSpan(
  { raw, attributes, resource, scope }: Span,
  store: TraceStore,
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
  const observationAttribute = (name: string) => read(`langfuse.observation.${name}`)
  const model = observationAttribute('model.name') ?? read('gen_ai.response.model', 'gen_ai.request.model')
  // PostgreSQL refuses the NUL when the price of the model is looked up, after the server has answered 200.
  if (model?.includes('\0')) return
  const status = object(raw.status)
  const environment = normalizeEnvironment(
    attributes['langfuse.environment'] ??
      resource['langfuse.environment'] ??
      resource['deployment.environment.name'],
  )
  const release = text(attributes['langfuse.release'] ?? resource['langfuse.release'])
  const version = text(attributes['langfuse.version'] ?? resource['service.version'])
  const traceMetadata = attributesUnder(attributes, 'langfuse.trace.metadata')
  const observation: LangfuseObservation = {
    id,
    traceId,
    type: (observationAttribute('type') ?? 'span').toUpperCase(),
    level: levelOf(observationAttribute('level')) ?? (status.code === 2 ? 'ERROR' : 'DEFAULT'),
    ...definedOnly({
      name: text(raw.name),
      parentObservationId: text(raw.parentSpanId) || undefined,
      startTime: timeOf(raw.startTimeUnixNano),
      endTime: timeOf(raw.endTimeUnixNano),
      completionStartTime: isoTimeOf(observationAttribute('completion_start_time')),
      model,
      input: parseJson(attributes['langfuse.observation.input']),
      output: parseJson(attributes['langfuse.observation.output']),
      statusMessage: observationAttribute('status_message') ?? (text(status.message) || undefined),
      version: version || undefined,
    }),
    environment,
    modelParameters: object(parseJson(attributes['langfuse.observation.model.parameters'])),
    metadata: {
      ...duplicatedAttributes(scope, attributes),
      resourceAttributes: resource,
      ...attributesUnder(attributes, 'langfuse.observation.metadata'),
      ...traceMetadata,
    },
    tokens: {},
    usageDetails: {},
    costDetails: {},
  }
  if (observation.type === 'GENERATION' || observation.type === 'EMBEDDING') {
    const usage = object(parseJson(attributes['langfuse.observation.usage_details']))
    const costs = object(parseJson(attributes['langfuse.observation.cost_details']))
    Object.assign(observation, priceV4(usage, costs, observation, count))
  }
  store.observations.set(id, observation)
  countStored(store, id)
  const tags = list(attributes['langfuse.trace.tags']).map((tag) =>
    typeof tag === 'string' ? tag : String(tag),
  )
  mergeTrace(store, traceId, {
    ...definedOnly({
      name: read('langfuse.trace.name'),
      userId: read('langfuse.user.id', 'user.id'),
      sessionId: read('langfuse.session.id', 'session.id', 'gen_ai.conversation.id'),
      timestamp: store.traces.get(traceId)?.timestamp ?? observation.startTime,
      release: release || undefined,
      version: version || undefined,
    }),
    environment,
    tags,
    metadata: traceMetadata,
  })
}

/** Returns the attributes that Langfuse repeats in the metadata: all but input and output, for spans of foreign SDKs. */
function duplicatedAttributes(scope: string, attributes: JsonObject): JsonObject {
  if (scope.startsWith('langfuse-sdk')) return {}
  const rest = Object.entries(attributes).filter(
    ([key]) => !/^langfuse\.(observation|trace)\.(in|out)put$/.test(key),
  )
  return Object.fromEntries(rest.map(([key, value]) => [`attributes.${key}`, value]))
}

const LEVELS = ['DEBUG', 'DEFAULT', 'WARNING', 'ERROR']
const levelOf = (level: string | undefined) =>
  level !== undefined && LEVELS.includes(level.toUpperCase()) ? level.toUpperCase() : undefined

/** Normalises an environment. An invalid one becomes `default`. */
function normalizeEnvironment(value: Json | undefined): string {
  const normal = text(value)
    .toLowerCase()
    .replace(/^(?:langfuse[-_]?)+/, '')
    .slice(0, 40)
  return environmentProblem(normal) === undefined ? normal : 'default'
}

/** Returns the members of the JSON object at `prefix` and the attributes `prefix.<key>`. */
function attributesUnder(attributes: JsonObject, prefix: string): JsonObject {
  const found: JsonObject = { ...object(parseJson(attributes[prefix])) }
  for (const [key, value] of Object.entries(attributes))
    if (key.startsWith(`${prefix}.`)) found[key.slice(prefix.length + 1)] = value
  return found
}

function parseJson(value: Json | undefined): Json | undefined {
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

/** Returns an ISO time. Older SDKs send it as a JSON string. */
function isoTimeOf(value: string | undefined): string | undefined {
  const moment = text(parseJson(value)) || value
  return moment !== undefined && !Number.isNaN(Date.parse(moment)) ? moment : undefined
}
