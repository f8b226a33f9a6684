import type { ApiIngestionEvent, ApiIngestionResponse, Langfuse } from 'langfuse'
import { isObject, type Json, list } from '../../core/json.ts'
import { isInstance } from '../../util/error-text.ts'
import { loadDependency } from '../../util/load-package.ts'
import { type BatchItem, type BatchRejected, type ItemResult, type Limits, sendInBatches } from '../batch.ts'
import { type Answer, excerpt, httpError, networkError } from '../http.ts'
import { DeliveryError, type Report } from '../sink.ts'
import type { Observation } from './observation.ts'
import type { LangfuseSettings } from './options.ts'
import type { Progress } from './progress.ts'

/** Events of one call that are still to be sent, in Langfuse's ingestion format. */
type EventsItem = BatchItem & { events: ApiIngestionEvent[] }

/** Message of Langfuse v4 for each event, in a 207; none of them is stored. */
export const NOT_ACCEPTED = 'Event type not accepted'

export const KEYS_HINT =
  'LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and that they are of a project of that server'

/** Well below the 4.5 MB that servers accept. The queue adapts how many calls go at once. */
export const LIMITS: Limits = { items: 100, bytes: 2_000_000 }

export const loadLangfuse = () => loadDependency('langfuse', 'Langfuse', () => import('langfuse'))

/**
 * Creates the `langfuse` client, of which only `api.ingestionBatch` is used. Its own queue serialises everything again
 * for each event, sends any number of batches concurrently, retries a whole batch for one bad event, drops others
 * silently, prints, searches every text for media, and does not report what arrived. Here the sink queue retries, the
 * signal holds the deadline, and the answer tells what arrived.
 */
export async function connect({ publicKey, secretKey, baseUrl, environment }: LangfuseSettings) {
  const { Langfuse } = await loadLangfuse()
  return new Langfuse({ publicKey, secretKey, baseUrl, environment })
}

/**
 * Builds the events of a call. Their ids derive from the call's, so that an event sent twice is stored once.
 * Source: openapi.yml of Langfuse 2.95.12 and 4.16.0, `IngestionEvent`; v2 reads `usage`, v3 and v4 the details.
 */
export function eventsOf(
  observation: Observation,
  { first, last }: { first: boolean; last: boolean },
  { environment, release }: LangfuseSettings,
) {
  const { traceId, id, costUsd, tokens, input, output, preview, metadata } = observation
  const timestamp = iso(observation.endMs)
  const trace: ApiIngestionEvent = {
    type: 'trace-create',
    id: `${id}-t`,
    timestamp,
    body: {
      id: traceId,
      timestamp: iso(observation.startMs),
      name: observation.traceName,
      userId: observation.userId,
      ...(observation.sessionId === undefined ? {} : { sessionId: observation.sessionId }),
      tags: observation.tags,
      environment,
      ...(release === undefined ? {} : { release }),
      metadata: metadata.user === undefined ? {} : { user: metadata.user },
      ...(first && preview.input !== undefined ? { input: preview.input } : {}),
      ...(last && preview.output !== undefined ? { output: preview.output } : {}),
    },
  }
  const costs = costUsd === undefined ? {} : { costDetails: { total: costUsd } }
  const generation: ApiIngestionEvent = {
    type: 'generation-create',
    id: `${id}-g`,
    timestamp,
    body: {
      id,
      traceId,
      name: observation.name,
      startTime: iso(observation.startMs),
      endTime: iso(observation.endMs),
      ...(observation.firstTokenMs === undefined
        ? {}
        : { completionStartTime: iso(observation.firstTokenMs) }),
      ...(observation.model === undefined ? {} : { model: observation.model }),
      // The client's types allow integers only; all servers accept fractions, such as a temperature.
      modelParameters: observation.modelParameters,
      ...(tokens === undefined ? {} : { usageDetails: tokens }),
      ...costs,
      usage: usageOf(tokens, costUsd),
      level: observation.level,
      ...(observation.statusMessage === undefined ? {} : { statusMessage: observation.statusMessage }),
      environment,
      metadata,
      ...(input === undefined ? {} : { input }),
      ...(output === undefined ? {} : { output }),
    },
  }
  return [trace, generation, ...scoresOf(observation, traceId, id, environment)]
}

/** Builds score events for a trace and a generation, with ids of either format. */
export function scoresOf(
  { scores, endMs }: Observation,
  traceId: string,
  observationId: string,
  environment: string,
): ApiIngestionEvent[] {
  return scores.map((score) => ({
    type: 'score-create',
    id: `${score.id}-s`,
    timestamp: iso(endMs),
    body: { ...score, traceId, observationId, environment },
  }))
}

const iso = (ms: number) => new Date(ms).toISOString()

/** Token counts that include their parts, and the known cost: a server given a cost does not compute one. */
function usageOf(tokens: Record<string, number> | undefined, costUsd: number | undefined) {
  const sum = (kind: string) =>
    Object.entries(tokens ?? {}).reduce((sum, [key, count]) => (key.startsWith(kind) ? sum + count : sum), 0)
  return {
    unit: 'TOKENS' as const,
    ...(tokens === undefined ? {} : { input: sum('input'), output: sum('output'), total: tokens.total ?? 0 }),
    ...(costUsd === undefined ? {} : { totalCost: costUsd }),
  }
}

/** Sends events and returns a result for each call. Notes the final result of each event in `progress`. */
export async function ingest(
  client: Langfuse,
  parts: readonly EventsItem[],
  progress: Progress,
  signal: AbortSignal,
): Promise<{ results: Map<Report, ItemResult>; notAccepted: boolean }> {
  let notAccepted = false
  const open = parts.filter(({ events }) => events.length > 0)
  const results = await sendInBatches(open, LIMITS, async (due) => {
    const answer = await post(
      client,
      due.flatMap(({ events }) => events),
      signal,
    )
    if ('batchRejected' in answer) return answer
    notAccepted ||= answer.errors.some(({ message }) => message === NOT_ACCEPTED)
    // These events will be sent as spans instead.
    if (notAccepted) return due.map(() => ({ retry: NOT_ACCEPTED }))
    const errors = new Map(answer.errors.map((error) => [error.id, error]))
    const stored = new Set(answer.successes.map(({ id }) => id))
    return due.map(({ report, events }) => {
      const each = events.map((event) => resultOf(event, errors, stored))
      for (const [at, result] of each.entries())
        if (result === 'accepted' || 'rejected' in result) progress.note(report, events[at]?.id ?? '', result)
      return each.find((result) => result !== 'accepted' && 'retry' in result) ?? progress.resultOf(report)
    })
  })
  for (const { report, events } of parts)
    if (events.length === 0) results.set(report, progress.resultOf(report))
  return { results, notAccepted }
}

type EventError = ApiIngestionResponse['errors'][number]

function resultOf(
  { id }: ApiIngestionEvent,
  errors: ReadonlyMap<string, EventError>,
  stored: ReadonlySet<string>,
): ItemResult {
  const error = errors.get(id)
  if (error === undefined)
    return stored.has(id)
      ? 'accepted'
      : { retry: 'Langfuse did not say what became of an event', unsure: true }
  if (error.status >= 400 && error.status < 500 && error.status !== 429)
    return { rejected: `Langfuse refused an event: ${reasonOf(error)}` }
  return { retry: `Langfuse failed at an event: ${reasonOf(error)}` }
}

const reasonOf = ({ status, message, error }: EventError) =>
  [status, excerpt(String(message ?? '')), excerpt(typeof error === 'string' ? error : '')]
    .filter(Boolean)
    .join(' ')

async function post(
  client: Langfuse,
  batch: ApiIngestionEvent[],
  signal: AbortSignal,
): Promise<ApiIngestionResponse | BatchRejected> {
  let answer: unknown
  try {
    answer = await client.api.ingestionBatch({ batch }, { signal, redirect: 'manual' })
  } catch (thrown) {
    const said = answerFrom(thrown)
    if (said === undefined) throw networkError('Langfuse', thrown, signal)
    if (said.status === 413 || said.status === 400 || said.status === 422)
      return { batchRejected: `${said.status} from Langfuse: ${excerpt(said.text)}` }
    throw httpError('Langfuse', said, KEYS_HINT)
  }
  const { successes, errors } = isObject(answer) ? answer : {}
  if (Array.isArray(successes) && Array.isArray(errors)) return answer as ApiIngestionResponse
  throw new DeliveryError('an answer that is not Langfuse’s: check LANGFUSE_BASE_URL')
}

/** Converts what the client throws: the response itself, with its parsed body or the error of parsing it. */
function answerFrom(thrown: unknown): Answer | undefined {
  if (!isInstance(thrown, Response)) return undefined
  const { error } = thrown as Response & { error?: unknown }
  const text = isObject(error) && !(error instanceof Error) ? errorMessages(error) : ''
  return { status: thrown.status, headers: thrown.headers, text }
}

const errorMessages = ({ message, error, errors }: Record<string, Json>) =>
  [message, error, ...list(errors)].filter((word) => typeof word === 'string').join(': ')
