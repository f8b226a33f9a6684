import type { ApiIngestionEvent, ApiIngestionResponse, Langfuse } from 'langfuse'
import { isObject, type Json, list } from '../../core/json.ts'
import { type BatchItem, type BatchRejected, type ItemResult, type Limits, sendInBatches } from '../batch.ts'
import { type Answer, excerpt, httpError, networkError } from '../http.ts'
import { DeliveryError, type Report } from '../sink.ts'
import type { Observation } from './observation.ts'
import type { LangfuseSettings } from './options.ts'
import type { Progress } from './progress.ts'

/** What is left to send of one call, as events of Langfuse's own format. */
type Events = BatchItem & { events: ApiIngestionEvent[] }

/** Langfuse v4 says it of each event, in a 207, and stores none of them. */
export const NOT_ACCEPTED = 'Event type not accepted'

export const KEYS =
  'LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and that they are of a project of that server'

/** Well below what servers take (4.5 MB). How many calls go at once is the outbox's to find out. */
export const LIMITS: Limits = { parts: 100, bytes: 2_000_000 }

/**
 * The `langfuse` client, of which only the call to the API is used: `api.ingestionBatch`. Its own queue in front of that
 * serialises itself whole for every event, sends any number of batches abreast, retries a batch for one bad event in it,
 * gives up on others without a word, prints, looks through every text for media, and does not tell what arrived. Queue
 * and retries are the outbox's, the deadline is the signal's, and what arrived is in the answer.
 */
export async function connect({ publicKey, secretKey, baseUrl, environment }: LangfuseSettings) {
  const { Langfuse } = await import('langfuse').catch((cause: unknown) => {
    throw new DeliveryError('the package langfuse cannot be loaded', { cause })
  })
  return new Langfuse({ publicKey, secretKey, baseUrl, environment })
}

/**
 * Events with ids of their own calls, so that what is sent twice is stored once.
 * Source: openapi.yml of Langfuse 2.95.12 and 4.16.0, `IngestionEvent`; `usage` is read by v2, the details by v3 and v4.
 */
export function eventsOf(
  observation: Observation,
  { first, last }: { first: boolean; last: boolean },
  { environment, release }: LangfuseSettings,
) {
  const { traceId, id, costUsd, tokens, input, output, brief, metadata } = observation
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
      ...(first && brief.input !== undefined ? { input: brief.input } : {}),
      ...(last && brief.output !== undefined ? { output: brief.output } : {}),
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
      // The client's types know whole numbers only; every server takes fractions, as temperatures are.
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

/** Of a trace and a generation by either kind of id. */
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

/** Inclusive tokens, and our cost: a server that is given one of its own prices nothing. */
function usageOf(tokens: Record<string, number> | undefined, costUsd: number | undefined) {
  const sum = (kind: string) =>
    Object.entries(tokens ?? {}).reduce((sum, [key, count]) => (key.startsWith(kind) ? sum + count : sum), 0)
  return {
    unit: 'TOKENS' as const,
    ...(tokens === undefined ? {} : { input: sum('input'), output: sum('output'), total: tokens.total ?? 0 }),
    ...(costUsd === undefined ? {} : { totalCost: costUsd }),
  }
}

/** What became of each call, by what was said of each of its events; what is final of one is noted. */
export async function ingest(
  client: Langfuse,
  parts: readonly Events[],
  progress: Progress,
  signal: AbortSignal,
): Promise<{ fates: Map<Report, ItemResult>; notAccepted: boolean }> {
  let notAccepted = false
  const open = parts.filter(({ events }) => events.length > 0)
  const fates = await sendInBatches(open, LIMITS, async (due) => {
    const answer = await post(
      client,
      due.flatMap(({ events }) => events),
      signal,
    )
    if ('whole' in answer) return answer
    notAccepted ||= answer.errors.some(({ message }) => message === NOT_ACCEPTED)
    // Then they will be sent in another way.
    if (notAccepted) return due.map(() => ({ again: NOT_ACCEPTED }))
    const errors = new Map(answer.errors.map((error) => [error.id, error]))
    const stored = new Set(answer.successes.map(({ id }) => id))
    return due.map(({ report, events }) => {
      const each = events.map((event) => fateOf(event, errors, stored))
      for (const [at, fate] of each.entries())
        if (fate === 'taken' || 'refused' in fate) progress.note(report, events[at]?.id ?? '', fate)
      return each.find((fate) => fate !== 'taken' && 'again' in fate) ?? progress.fateOf(report)
    })
  })
  for (const { report, events } of parts) if (events.length === 0) fates.set(report, progress.fateOf(report))
  return { fates, notAccepted }
}

type EventError = ApiIngestionResponse['errors'][number]

function fateOf(
  { id }: ApiIngestionEvent,
  errors: ReadonlyMap<string, EventError>,
  stored: ReadonlySet<string>,
): ItemResult {
  const error = errors.get(id)
  if (error === undefined)
    return stored.has(id) ? 'taken' : { again: 'Langfuse did not say what became of an event', unsure: true }
  if (error.status >= 400 && error.status < 500 && error.status !== 429)
    return { refused: `Langfuse refused an event: ${reasonOf(error)}` }
  return { again: `Langfuse failed at an event: ${reasonOf(error)}` }
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
    answer = await client.api.ingestionBatch({ batch }, { signal })
  } catch (thrown) {
    const said = refusalOf(thrown)
    if (said === undefined) throw networkError('Langfuse', thrown, signal)
    if (said.status === 413 || said.status === 400 || said.status === 422)
      return { whole: `${said.status} from Langfuse: ${excerpt(said.text)}` }
    throw httpError('Langfuse', said, KEYS)
  }
  const { successes, errors } = isObject(answer) ? answer : {}
  if (Array.isArray(successes) && Array.isArray(errors)) return answer as ApiIngestionResponse
  throw new DeliveryError('an answer that is not Langfuse’s: check LANGFUSE_BASE_URL')
}

/** The client throws the response itself, with the JSON of its body at hand, or the error of reading one. */
function refusalOf(thrown: unknown): Answer | undefined {
  if (!(thrown instanceof Response)) return undefined
  const { error } = thrown as Response & { error?: unknown }
  const text = isObject(error) && !(error instanceof Error) ? wordsOf(error) : ''
  return { status: thrown.status, headers: thrown.headers, text }
}

const wordsOf = ({ message, error, errors }: Record<string, Json>) =>
  [message, error, ...list(errors)].filter((word) => typeof word === 'string').join(': ')
