import { randomUUID } from 'node:crypto'
import { type Json, type JsonObject, list, object, text } from '../core/json.ts'
import { type CountText, priceV2 } from './cost.ts'
import { eventFindings, idOfEvent } from './event-rules.ts'
import type { LangfuseFault } from './faults.ts'
import type { LangfuseVersion } from './options.ts'
import { withoutNul } from './text-rules.ts'
import {
  countStored,
  definedOnly,
  type LangfuseObservation,
  type LangfuseScore,
  type LangfuseTrace,
  mergeTrace,
  type TraceStore,
  traceOrNew,
} from './trace-store.ts'
import type { Worker } from './worker.ts'

type EventError = { id: string; status: number; message?: string; error: string }
type BatchResult = { successes: { id: string; status: 201 }[]; errors: EventError[] }

/** Stores a batch as that version does, and returns the result of each event. */
export function ingest(
  batch: Json[],
  version: LangfuseVersion,
  store: TraceStore,
  count: CountText,
  fault: LangfuseFault | undefined,
  known?: LangfuseTrace,
): BatchResult {
  const result: BatchResult = { successes: [], errors: [] }
  const accepted: JsonObject[] = []
  const faultErrors = errorsByFault(fault, batch)
  for (const event of batch) {
    const error = faultErrors.get(event) ?? rejectionOf(event, version)
    if (error) result.errors.push({ id: idOfEvent(event), ...error })
    else accepted.push(object(event))
  }
  // Creates are applied before updates, each in the order of their timestamps.
  for (const event of accepted.toSorted(byKindAndTime)) {
    if (event.type !== 'sdk-log')
      storeEvent(text(event.type), withoutNul(object(event.body)), store, count, known)
    countStored(store, text(event.id))
    result.successes.push({ id: text(event.id), status: 201 })
  }
  return result
}

/**
 * Stores a batch one event after the other, as a busy server does. Each trace is read before the event's turn and written
 * after it, so an update by another request in between is lost.
 */
export async function ingestSequentially(
  batch: Json[],
  version: LangfuseVersion,
  store: TraceStore,
  count: CountText,
  waitForTurn: () => ReturnType<Worker['work']>,
): Promise<BatchResult> {
  const result: BatchResult = { successes: [], errors: [] }
  for (const event of batch.toSorted((one, other) => byKindAndTime(object(one), object(other)))) {
    const known = traceOrNew(store, text(object(object(event).body).id))
    await waitForTurn()
    const { successes, errors } = ingest([event], version, store, count, undefined, known)
    result.successes.push(...successes)
    result.errors.push(...errors)
  }
  return result
}

const NOT_ACCEPTED =
  'is not accepted by /api/public/ingestion when LANGFUSE_MIGRATION_V4_WRITE_MODE is events_only. This endpoint only accepts score and log events. Upgrade the client or integration to a v4-compatible SDK or OTLP ingestion path.'

function rejectionOf(event: Json, version: LangfuseVersion): Omit<EventError, 'id'> | undefined {
  const type = text(object(event).type)
  if (version === '4.16.0' && type !== 'score-create' && type !== 'sdk-log') return notAccepted(type)
  const findings = eventFindings(event, version).filter(({ rejected }) => rejected)
  if (findings.length === 0) return undefined
  const error = findings.map(({ problem }) => problem).join('; ')
  return { status: 400, message: 'Invalid request data', error }
}

const notAccepted = (type: string): Omit<EventError, 'id'> => ({
  status: 400,
  message: 'Event type not accepted',
  error: `Event type "${type || 'unknown'}" ${NOT_ACCEPTED}`,
})

function errorsByFault(fault: LangfuseFault | undefined, batch: Json[]): Map<Json, Omit<EventError, 'id'>> {
  if (fault?.type === 'all-rejected')
    return new Map(batch.map((event) => [event, notAccepted(text(object(event).type))]))
  if (fault?.type !== 'some-rejected') return new Map()
  const error =
    fault.status === 500
      ? { status: 500, error: 'Internal Server Error' }
      : { status: 400, message: 'Invalid request data', error: 'rejected by a fault' }
  const affected = batch.filter((event) => {
    const { type } = object(event)
    return fault.eventType === undefined ? type !== 'score-create' : type === fault.eventType
  })
  return new Map(affected.slice(0, fault.count ?? 1).map((event) => [event, error]))
}

const rank = ({ type }: JsonObject) => (text(type).endsWith('-update') ? 1 : 0)
const byKindAndTime = (one: JsonObject, other: JsonObject) =>
  rank(one) - rank(other) || Date.parse(text(one.timestamp)) - Date.parse(text(other.timestamp))

function storeEvent(
  type: string,
  body: JsonObject,
  store: TraceStore,
  count: CountText,
  known: LangfuseTrace | undefined,
): void {
  if (type === 'score-create') storeScore(body, store)
  else if (type === 'trace-create') storeTrace(body, store, known)
  else storeObservation(type, body, store, count)
}

function storeTrace(body: JsonObject, store: TraceStore, known: LangfuseTrace | undefined): void {
  // 2.95.12 drops `environment` silently: it has no such column.
  mergeTrace(
    store,
    text(body.id) || randomUUID(),
    definedOnly({
      ...stringFields(body, ['name', 'userId', 'sessionId', 'timestamp', 'release', 'version']),
      input: body.input,
      output: body.output,
      metadata: metadataOf(body.metadata),
      tags: list(body.tags).map(text),
    }),
    known,
  )
}

function storeObservation(type: string, body: JsonObject, store: TraceStore, count: CountText): void {
  const id = text(body.id) || randomUUID()
  const known = store.observations.get(id)
  const traceId = text(body.traceId) || known?.traceId || id
  if (traceId === id && !store.traces.has(id)) mergeTrace(store, id, stringFields(body, ['name']))
  const kind = type.startsWith('observation-') ? text(body.type) : (type.split('-')[0] ?? '').toUpperCase()
  const observation: LangfuseObservation = {
    ...(known ?? { level: 'DEFAULT', tokens: {}, usageDetails: {}, costDetails: {} }),
    ...stringFields(body, STRINGS),
    ...definedOnly({ input: body.input, output: body.output }),
    id,
    traceId,
    type: kind,
    metadata: { ...known?.metadata, ...metadataOf(body.metadata) },
    modelParameters: { ...known?.modelParameters, ...object(body.modelParameters) },
  }
  // An update without `usage` changes no cost; a first event without it is priced by the texts' tokens.
  if (kind === 'GENERATION' && (known === undefined || body.usage))
    Object.assign(observation, priceV2(object(body.usage), observation, count))
  store.observations.set(id, observation)
}

const STRINGS = [
  'name',
  'parentObservationId',
  'startTime',
  'endTime',
  'completionStartTime',
  'model',
  'level',
  'statusMessage',
  'version',
] as const

/** Stores a score of either endpoint and returns its id. */
export function storeScore(body: JsonObject, store: TraceStore): string {
  const id = text(body.id) || randomUUID()
  const { value } = body
  const boolean = body.dataType === 'BOOLEAN'
  const score: LangfuseScore = {
    id,
    name: text(body.name),
    dataType: text(body.dataType) || (typeof value === 'number' ? 'NUMERIC' : 'CATEGORICAL'),
    ...stringFields(body, ['traceId', 'observationId', 'sessionId', 'comment', 'environment']),
    ...definedOnly({ metadata: body.metadata }),
    ...(typeof value === 'number' ? { value } : { stringValue: text(value) }),
    ...(boolean ? { stringValue: value === 1 ? 'True' : 'False' } : {}),
  }
  store.scores.set(id, score)
  return id
}

export const metadataOf = (metadata: Json | undefined): JsonObject =>
  metadata === undefined || metadata === null
    ? {}
    : typeof metadata === 'object' && !Array.isArray(metadata)
      ? metadata
      : { metadata }

function stringFields<Name extends string>(
  body: JsonObject,
  names: readonly Name[],
): { [Key in Name]?: string } {
  const found: { [Key in Name]?: string } = {}
  for (const name of names) {
    const value = body[name]
    if (typeof value === 'string') found[name] = value
  }
  return found
}
