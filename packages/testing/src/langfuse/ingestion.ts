import { randomUUID } from 'node:crypto'
import { type Json, type JsonObject, list, object, text } from '../core/json.ts'
import { type CountText, pricedByV2 } from './cost.ts'
import type { LangfuseFault } from './faults.ts'
import {
  given,
  type LangfuseObservation,
  type LangfuseScore,
  type LangfuseTrace,
  type Ledger,
  mergeTrace,
  noteStored,
  traceIn,
} from './ledger.ts'
import type { LangfuseVersion } from './options.ts'
import { eventFindings, idOfEvent } from './rules.ts'
import { withoutNul } from './texts.ts'
import type { Worker } from './worker.ts'

type Trouble = { id: string; status: number; message?: string; error: string }
type Verdict = { successes: { id: string; status: 201 }[]; errors: Trouble[] }

/** Takes a batch as that version does, and says what became of each event. */
export function ingest(
  batch: Json[],
  version: LangfuseVersion,
  ledger: Ledger,
  count: CountText,
  fault: LangfuseFault | undefined,
  known?: LangfuseTrace,
): Verdict {
  const verdict: Verdict = { successes: [], errors: [] }
  const good: JsonObject[] = []
  const spoilt = spoiltBy(fault, batch)
  for (const event of batch) {
    const trouble = spoilt.get(event) ?? refusalOf(event, version)
    if (trouble) verdict.errors.push({ id: idOfEvent(event), ...trouble })
    else good.push(object(event))
  }
  // Updates come last, each kind in the order of time.
  for (const event of good.toSorted(byKindAndTime)) {
    if (event.type !== 'sdk-log')
      store(text(event.type), withoutNul(object(event.body)), ledger, count, known)
    noteStored(ledger, text(event.id))
    verdict.successes.push({ id: text(event.id), status: 201 })
  }
  return verdict
}

/**
 * The same, one event after the other as the server comes to it. A trace is read, merged and written: what another request
 * has written of it in the meantime is lost.
 */
export async function ingestSlowly(
  batch: Json[],
  version: LangfuseVersion,
  ledger: Ledger,
  count: CountText,
  turn: () => ReturnType<Worker['work']>,
): Promise<Verdict> {
  const verdict: Verdict = { successes: [], errors: [] }
  for (const event of batch.toSorted((one, other) => byKindAndTime(object(one), object(other)))) {
    const known = traceIn(ledger, text(object(object(event).body).id))
    await turn()
    const { successes, errors } = ingest([event], version, ledger, count, undefined, known)
    verdict.successes.push(...successes)
    verdict.errors.push(...errors)
  }
  return verdict
}

const NOT_ACCEPTED =
  'is not accepted by /api/public/ingestion when LANGFUSE_MIGRATION_V4_WRITE_MODE is events_only. This endpoint only accepts score and log events. Upgrade the client or integration to a v4-compatible SDK or OTLP ingestion path.'

function refusalOf(event: Json, version: LangfuseVersion): Omit<Trouble, 'id'> | undefined {
  const type = text(object(event).type)
  if (version === '4.16.0' && type !== 'score-create' && type !== 'sdk-log') return notAccepted(type)
  const refused = eventFindings(event, version).filter(({ refused }) => refused)
  if (refused.length === 0) return undefined
  const error = refused.map(({ problem }) => problem).join('; ')
  return { status: 400, message: 'Invalid request data', error }
}

const notAccepted = (type: string): Omit<Trouble, 'id'> => ({
  status: 400,
  message: 'Event type not accepted',
  error: `Event type "${type || 'unknown'}" ${NOT_ACCEPTED}`,
})

function spoiltBy(fault: LangfuseFault | undefined, batch: Json[]): Map<Json, Omit<Trouble, 'id'>> {
  if (fault?.type === 'all-rejected')
    return new Map(batch.map((event) => [event, notAccepted(text(object(event).type))]))
  if (fault?.type !== 'some-rejected') return new Map()
  const trouble =
    fault.status === 500
      ? { status: 500, error: 'Internal Server Error' }
      : { status: 400, message: 'Invalid request data', error: 'rejected by a fault' }
  const meant = batch.filter((event) => {
    const { type } = object(event)
    return fault.eventType === undefined ? type !== 'score-create' : type === fault.eventType
  })
  return new Map(meant.slice(0, fault.count ?? 1).map((event) => [event, trouble]))
}

const rank = ({ type }: JsonObject) => (text(type).endsWith('-update') ? 1 : 0)
const byKindAndTime = (one: JsonObject, other: JsonObject) =>
  rank(one) - rank(other) || Date.parse(text(one.timestamp)) - Date.parse(text(other.timestamp))

function store(
  type: string,
  body: JsonObject,
  ledger: Ledger,
  count: CountText,
  known: LangfuseTrace | undefined,
): void {
  if (type === 'score-create') storeScore(body, ledger)
  else if (type === 'trace-create') storeTrace(body, ledger, known)
  else storeObservation(type, body, ledger, count)
}

function storeTrace(body: JsonObject, ledger: Ledger, known: LangfuseTrace | undefined): void {
  // `environment` is dropped without a word: 2.95.12 has no such column.
  mergeTrace(
    ledger,
    text(body.id) || randomUUID(),
    given({
      ...strings(body, ['name', 'userId', 'sessionId', 'timestamp', 'release', 'version']),
      input: body.input,
      output: body.output,
      metadata: metadataOf(body.metadata),
      tags: list(body.tags).map(text),
    }),
    known,
  )
}

function storeObservation(type: string, body: JsonObject, ledger: Ledger, count: CountText): void {
  const id = text(body.id) || randomUUID()
  const known = ledger.observations.get(id)
  const traceId = text(body.traceId) || known?.traceId || id
  if (traceId === id && !ledger.traces.has(id)) mergeTrace(ledger, id, strings(body, ['name']))
  const kind = type.startsWith('observation-') ? text(body.type) : (type.split('-')[0] ?? '').toUpperCase()
  const observation: LangfuseObservation = {
    ...(known ?? { level: 'DEFAULT', tokens: {}, usageDetails: {}, costDetails: {} }),
    ...strings(body, STRINGS),
    ...given({ input: body.input, output: body.output }),
    id,
    traceId,
    type: kind,
    metadata: { ...known?.metadata, ...metadataOf(body.metadata) },
    modelParameters: { ...known?.modelParameters, ...object(body.modelParameters) },
  }
  // Without `usage` in the event, nothing is reckoned anew; with none at all, the texts are counted.
  if (kind === 'GENERATION' && (known === undefined || body.usage))
    Object.assign(observation, pricedByV2(object(body.usage), observation, count))
  ledger.observations.set(id, observation)
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

/** Stores a score as it comes from either endpoint, and gives its id. */
export function storeScore(body: JsonObject, ledger: Ledger): string {
  const id = text(body.id) || randomUUID()
  const { value } = body
  const boolean = body.dataType === 'BOOLEAN'
  const score: LangfuseScore = {
    id,
    name: text(body.name),
    dataType: text(body.dataType) || (typeof value === 'number' ? 'NUMERIC' : 'CATEGORICAL'),
    ...strings(body, ['traceId', 'observationId', 'sessionId', 'comment', 'environment']),
    ...given({ metadata: body.metadata }),
    ...(typeof value === 'number' ? { value } : { stringValue: text(value) }),
    ...(boolean ? { stringValue: value === 1 ? 'True' : 'False' } : {}),
  }
  ledger.scores.set(id, score)
  return id
}

export const metadataOf = (metadata: Json | undefined): JsonObject =>
  metadata === undefined || metadata === null
    ? {}
    : typeof metadata === 'object' && !Array.isArray(metadata)
      ? metadata
      : { metadata }

function strings<Name extends string>(body: JsonObject, names: readonly Name[]): { [Key in Name]?: string } {
  const found: { [Key in Name]?: string } = {}
  for (const name of names) {
    const value = body[name]
    if (typeof value === 'string') found[name] = value
  }
  return found
}
