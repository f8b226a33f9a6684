import { isObject, type Json } from '../../core/json.ts'
import type { CallRecord } from '../../core/record.ts'
import type { Usage } from '../../core/usage.ts'
import { spanIdOf, traceIdOf } from '../otlp/ids.ts'
import type { Content, Report } from '../sink.ts'
import { storable, storableText } from './storable.ts'

/** One call in Langfuse's terms, for both formats: a trace, a generation in it, and scores. */
export type Observation = {
  /** Trace id as callers know it. */
  traceId: string
  /** The same trace id in OpenTelemetry's format. */
  otelTraceId: string
  id: string
  otelId: string
  /** The agent's name: few distinct values, by which dashboards group. */
  traceName: string
  /** Name of the generation: the operation. */
  name: string
  /** The team: Langfuse's "user" in dashboards is who pays. */
  userId: string
  sessionId?: string
  tags: string[]
  level: 'DEFAULT' | 'WARNING' | 'ERROR'
  statusMessage?: string
  /** Milliseconds since the epoch. */
  startMs: number
  firstTokenMs?: number
  endMs: number
  /** Model that answered. Absent for pass-through requests. */
  model?: string
  modelParameters: Record<string, string | number | boolean>
  /** Disjoint token counts, except `total`. Absent if tokens were not counted. */
  tokens?: Record<string, number>
  /** US dollars. Absent if unknown. */
  costUsd?: number
  metadata: Record<string, Json>
  input?: Json
  output?: Json
  /** Input and output, cut for the copy in the trace. */
  preview: { input?: Json; output?: Json }
  scores: Score[]
  /** Approximate size of the serialised call. */
  bytes: number
}

export type Score = { id: string; name: string } & (
  | { dataType: 'CATEGORICAL'; value: string }
  | { dataType: 'BOOLEAN'; value: 0 | 1 }
)

/** Longest name in characters; receivers reject longer ones, or index them at a high cost. */
const MAX_NAME = 200
/** Bytes of JSON. An event may have 1 MB, and JSON grows when it is embedded as a string. */
const MAX_CONTENT = 300_000
/** Bytes of the copy that a v2 trace page shows first. The generation has the whole content. */
const MAX_PREVIEW = 50_000
const MAX_TAGS = 50
/** Servers reject ids with line breaks, and very long ones. */
const PLAIN_ID = /^[^\p{Cc}]{1,200}$/u
/** Approximate bytes of a call without its content. */
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
    traceName: truncated(record.agent),
    name: record.operation,
    userId: truncated(record.team),
    tags: tagsOf(record),
    level: LEVELS[record.status],
    startMs: record.startedAt,
    endMs: record.startedAt + Math.round(record.latencyMs),
    modelParameters: storable(parameters),
    metadata: storable(metadataOf(record)),
    preview: {},
    scores: scoresOf(record),
    bytes: FRAME_BYTES,
  }
  if (record.session !== undefined) observation.sessionId = truncated(record.session)
  if (record.status !== 'ok') observation.statusMessage = storableText(record.error ?? record.status)
  if (record.firstTokenMs !== undefined)
    observation.firstTokenMs =
      record.startedAt + Math.min(Math.round(record.firstTokenMs), Math.round(record.latencyMs))
  if (record.model !== '') observation.model = modelName(record)
  const tokens = tokensOf(record)
  if (tokens !== undefined) observation.tokens = tokens
  if (record.costUsd !== undefined) observation.costUsd = record.costUsd
  if (content === undefined) return observation
  const [input, output] = textsOf(content).map(textOf)
  if (input !== undefined) observation.input = place(input, 'input')
  if (output !== undefined) observation.output = place(output, 'output')
  return observation

  function place(text: Text, name: 'input' | 'output'): Json {
    const brief = fitted(text, MAX_PREVIEW)
    observation.preview[name] = brief.json
    const whole = fitted(text, MAX_CONTENT)
    observation.bytes += brief.bytes + whole.bytes
    return whole.json
  }
}

const truncated = (text: string) => storableText(text.slice(0, MAX_NAME))

/** Puts the gateway's own tags first: the limit then cuts callers' tags only. */
function tagsOf({ cache, costUsd, tags }: CallRecord): string[] {
  const own = costUsd === undefined ? [`cache:${cache}`, UNKNOWN_COST] : [`cache:${cache}`]
  return [...new Set([...own, ...tags.map(truncated)])].slice(0, MAX_TAGS)
}

/** Distinguishes an unknown cost, which v4's API shows as 0. */
const UNKNOWN_COST = 'cost:unknown'

/**
 * Names a model without a known cost so that no pattern of Langfuse's price list matches: Langfuse would otherwise
 * compute a cost.
 */
const modelName = ({ model, costUsd }: CallRecord) =>
  truncated(costUsd === undefined ? `${model} (no price)` : model)

/**
 * Returns token counts; zeros for a cache hit, whose original tokens are in the metadata. Zeros are explicit, because
 * Langfuse counts a text's tokens itself if none are given.
 */
function tokensOf(record: CallRecord): Record<string, number> | undefined {
  if (record.operation === 'other' && record.costUsd !== 0) return undefined
  const { usage } = record
  if (usage === undefined || HITS.has(record.cache)) return { input: 0, output: 0, total: 0 }
  const { input, cachedInput, audioInput, output, reasoning, audioOutput } = disjointUsage(usage)
  const tokens: Record<string, number> = { input: input - cachedInput - audioInput }
  if (cachedInput > 0) tokens.input_cached_tokens = cachedInput
  if (audioInput > 0) tokens.input_audio_tokens = audioInput
  tokens.output = output - reasoning - audioOutput
  if (reasoning > 0) tokens.output_reasoning_tokens = reasoning
  if (audioOutput > 0) tokens.output_audio_tokens = audioOutput
  tokens.total = input + output
  return tokens
}

/** Puts each token in one bucket: usage counts cached audio both as cached and as audio. */
function disjointUsage(usage: Usage): Usage {
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

/** Scores exist because charts cannot group by metadata. The hit rate covers calls that looked into a cache. */
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

/** Returns input and output, if any. Langfuse's viewer recognises messages and tools in one object. */
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

function fitted({ json, text, bytes }: Text, most: number): { json: Json; bytes: number } {
  if (bytes <= most) return { json, bytes }
  const kept = storableText(text.slice(0, Math.floor((most * text.length) / bytes)))
  return { json: `${kept}… <cut; ${text.length} characters of JSON in all>`, bytes: 2 * most }
}
