import { isObject, type Json } from '../../core/json.ts'
import type { CallRecord } from '../../core/record.ts'
import type { Usage } from '../../core/usage.ts'
import { spanIdOf, traceIdOf } from '../otlp/ids.ts'
import type { Content, Report } from '../sink.ts'
import { storable, storableText } from './storable.ts'

/** One call as Langfuse sees it, whichever way it is sent: a trace, a generation in it, and scores. */
export type Observation = {
  /** As callers know it. */
  traceId: string
  /** The same for OpenTelemetry. */
  otelTraceId: string
  id: string
  otelId: string
  /** The agent: few different ones, and dashboards group by it. */
  traceName: string
  /** The operation. */
  name: string
  /** The team: what dashboards call a user is who pays. */
  userId: string
  sessionId?: string
  tags: string[]
  level: 'DEFAULT' | 'WARNING' | 'ERROR'
  statusMessage?: string
  /** Milliseconds since the epoch. */
  startMs: number
  firstTokenMs?: number
  endMs: number
  /** What answered; absent for requests that passed straight through. */
  model?: string
  modelParameters: Record<string, string | number | boolean>
  /** Disjoint: every token is in exactly one of them, but for `total`. Absent: nobody counted. */
  tokens?: Record<string, number>
  /** US dollars. Absent: unknown. */
  costUsd?: number
  metadata: Record<string, Json>
  input?: Json
  output?: Json
  /** The same, short enough to be sent once more with the trace. */
  brief: { input?: Json; output?: Json }
  scores: Score[]
  /** About what it takes on the wire. */
  bytes: number
}

export type Score = { id: string; name: string } & (
  | { dataType: 'CATEGORICAL'; value: string }
  | { dataType: 'BOOLEAN'; value: 0 | 1 }
)

/** What receivers take of a name; longer ones are refused, or cost an index dearly. */
const MAX_NAME = 200
/** Bytes of JSON; a whole event may have 1 MB, and what was JSON grows when it is cut into a text. */
const MAX_CONTENT = 300_000
/** Of what the page of a trace opens with on v2; the whole of it is with the generation. */
const MAX_BRIEF = 50_000
const MAX_TAGS = 50
/** Servers refuse ids with line breaks, and very long ones. */
const PLAIN_ID = /^[^\p{Cc}]{1,200}$/u
/** What a call takes on the wire besides its texts, tags and all. */
const FRAME_BYTES = 4_000
const HITS = new Set(['exact', 'semantic', 'flight', 'stale'])
const LEVELS = { ok: 'DEFAULT', refused: 'WARNING', aborted: 'WARNING', failed: 'ERROR' } as const

export function observationOf({ record, parameters, content }: Report): Observation {
  const traceId = record.trace || record.id
  const observation: Observation = {
    traceId: PLAIN_ID.test(traceId) ? traceId : traceIdOf(traceId),
    otelTraceId: traceIdOf(traceId),
    id: record.id,
    otelId: spanIdOf(record.id),
    traceName: cut(record.agent),
    name: record.operation,
    userId: cut(record.team),
    tags: tagsOf(record),
    level: LEVELS[record.status],
    startMs: record.startedAt,
    endMs: record.startedAt + Math.round(record.latencyMs),
    modelParameters: storable(parameters),
    metadata: storable(metadataOf(record)),
    brief: {},
    scores: scoresOf(record),
    bytes: FRAME_BYTES,
  }
  if (record.session !== undefined) observation.sessionId = cut(record.session)
  if (record.status !== 'ok') observation.statusMessage = storableText(record.error ?? record.status)
  if (record.firstTokenMs !== undefined)
    observation.firstTokenMs =
      record.startedAt + Math.min(Math.round(record.firstTokenMs), Math.round(record.latencyMs))
  if (record.model !== '') observation.model = nameOfModel(record)
  const tokens = tokensOf(record)
  if (tokens !== undefined) observation.tokens = tokens
  if (record.costUsd !== undefined) observation.costUsd = record.costUsd
  if (content === undefined) return observation
  const [input, output] = textsOf(content).map(textOf)
  if (input !== undefined) observation.input = place(input, 'input')
  if (output !== undefined) observation.output = place(output, 'output')
  return observation

  function place(text: Text, name: 'input' | 'output'): Json {
    const brief = fit(text, MAX_BRIEF)
    observation.brief[name] = brief.json
    const whole = fit(text, MAX_CONTENT)
    observation.bytes += brief.bytes + whole.bytes
    return whole.json
  }
}

const cut = (text: string) => storableText(text.slice(0, MAX_NAME))

/** Ours come first: what is cut are the caller's. */
function tagsOf({ cache, costUsd, tags }: CallRecord): string[] {
  const own = costUsd === undefined ? [`cache:${cache}`, UNKNOWN_COST] : [`cache:${cache}`]
  return [...new Set([...own, ...tags.map(cut)])].slice(0, MAX_TAGS)
}

/** v4's API shows an unknown cost as 0: this tells them apart. */
const UNKNOWN_COST = 'cost:unknown'

/**
 * Langfuse prices what comes without a cost by its own list, wherever one of its patterns fits the model. No pattern fits
 * this name: an unknown cost stays unknown, and every chart by model says so.
 */
const nameOfModel = ({ model, costUsd }: CallRecord) =>
  cut(costUsd === undefined ? `${model} (no price)` : model)

/**
 * A hit took no tokens; what it would have taken is in the metadata. Zeros are said outright, since Langfuse counts the
 * tokens of a text itself where it is told nothing.
 */
function tokensOf(record: CallRecord): Record<string, number> | undefined {
  if (record.operation === 'other' && record.costUsd !== 0) return undefined
  const { usage } = record
  if (usage === undefined || HITS.has(record.cache)) return { input: 0, output: 0, total: 0 }
  const { input, cachedInput, audioInput, output, reasoning, audioOutput } = fitting(usage)
  const tokens: Record<string, number> = { input: input - cachedInput - audioInput }
  if (cachedInput > 0) tokens.input_cached_tokens = cachedInput
  if (audioInput > 0) tokens.input_audio_tokens = audioInput
  tokens.output = output - reasoning - audioOutput
  if (reasoning > 0) tokens.output_reasoning_tokens = reasoning
  if (audioOutput > 0) tokens.output_audio_tokens = audioOutput
  tokens.total = input + output
  return tokens
}

/** Cached audio is counted as cached and as audio; here each token is in one bucket. */
function fitting(usage: Usage): Usage {
  return {
    ...usage,
    audioInput: Math.min(usage.audioInput, usage.input - usage.cachedInput),
    audioOutput: Math.min(usage.audioOutput, usage.output - usage.reasoning),
  }
}

function metadataOf(record: CallRecord): Record<string, Json> {
  const { usage, attempts } = record
  const found: Record<string, Json | undefined> = {
    call: record.id,
    trace: record.trace,
    team: record.team,
    agent: record.agent,
    user: record.user,
    cache: record.cache,
    bypass: record.bypass,
    cacheKey: record.cacheKey,
    similarity: record.similarity,
    ageMs: record.ageMs === undefined ? undefined : Math.round(record.ageMs),
    route: record.route,
    escalated: record.route === 'escalated' ? true : undefined,
    failover: record.route === 'failover' ? true : undefined,
    modelAsked: record.requestedModel?.toWellFormed(),
    path: record.operation === 'other' ? record.path : undefined,
    stream: record.stream ? true : undefined,
    status: record.status,
    httpStatus: record.httpStatus,
    costUsd: record.costUsd ?? 'unknown',
    savedUsd: record.savedUsd || undefined,
    answerTokens: HITS.has(record.cache) && usage ? usage.input + usage.output : undefined,
    estimated: record.estimated ? true : undefined,
    degraded: record.degraded,
    waitedMs: record.waitedMs === undefined ? undefined : Math.round(record.waitedMs),
    attempts: attempts.map(({ model, status, latencyMs }) => ({
      model: model.toWellFormed(),
      status: status ?? null,
      latencyMs: Math.round(latencyMs),
    })),
  }
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  )
}

/** Charts can group by scores where they cannot by metadata. The hit rate is of calls that asked a cache at all. */
function scoresOf({ id, cache, operation }: CallRecord): Score[] {
  if (operation === 'other') return []
  const scores: Score[] = [{ id: `${id}-cache`, name: 'cache', dataType: 'CATEGORICAL', value: cache }]
  if (cache !== 'bypass')
    scores.push({
      id: `${id}-cache_hit`,
      name: 'cache_hit',
      dataType: 'BOOLEAN',
      value: HITS.has(cache) ? 1 : 0,
    })
  return scores
}

/** Question and answer, as far as there are any. Messages and tools in one object is how Langfuse's viewer knows both. */
function textsOf({ input, tools, output }: Content): Json[] {
  const asked =
    tools === undefined
      ? input
      : { ...(isObject(input) ? input : { [Array.isArray(input) ? 'messages' : 'input']: input }), tools }
  return output === undefined ? [asked] : [asked, output]
}

type Text = { json: Json; text: string; bytes: number }

function textOf(json: Json): Text {
  const text = JSON.stringify(json)
  return { json: storable(json, text), text, bytes: Buffer.byteLength(text) }
}

function fit({ json, text, bytes }: Text, most: number): { json: Json; bytes: number } {
  if (bytes <= most) return { json, bytes }
  const kept = storableText(text.slice(0, Math.floor((most * text.length) / bytes)))
  return { json: `${kept}… <cut; ${text.length} characters of JSON in all>`, bytes: 2 * most }
}
