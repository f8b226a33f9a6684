import type { CallRecord } from '../../core/record.ts'

/** A row of `llm_usage` as JSON. Unknown values are left out: the table has defaults for them. */
export type Row = { request_id: string } & Record<string, string | number | boolean | string[]>

/** Longest id, name or word in characters; longer ones do not fit an index. */
const MAX_NAME = 200
const MAX_TEXT = 500
const MAX_TAGS = 50
const MAX_INTEGER = 2 ** 31 - 1
/** Largest integer that JSON numbers hold exactly; a 64-bit column holds more. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER
/** Whole dollars that `numeric(18, 9)` holds. */
const MAX_USD = 999_999_999

/** Builds a call's row, without question and answer. Clamps values so that the table always accepts it. */
export function rowOf(record: CallRecord): Row {
  const { usage } = record
  const row = {
    request_id: name(record.id),
    at: new Date(record.startedAt).toISOString(),
    agent: name(record.agent),
    team: name(record.team),
    operation: name(record.operation),
    path: name(record.path),
    stream: record.stream,
    model_asked: name(record.requestedModel),
    model: name(record.model),
    route: name(record.route),
    cache: name(record.cache),
    bypass: name(record.bypass),
    similarity: record.similarity,
    age_ms: count(record.ageMs),
    input_tokens: count(usage?.input),
    cached_input_tokens: count(usage?.cachedInput),
    audio_input_tokens: count(usage?.audioInput),
    output_tokens: count(usage?.output),
    reasoning_tokens: count(usage?.reasoning),
    audio_output_tokens: count(usage?.audioOutput),
    estimated: record.estimated,
    cost_usd: dollars(record.costUsd),
    saved_usd: dollars(record.savedUsd),
    latency_ms: count(record.latencyMs),
    first_token_ms: count(record.firstTokenMs),
    waited_ms: count(record.waitedMs),
    status: name(record.status),
    http_status: count(record.httpStatus, MAX_INTEGER),
    error: text(record.error, MAX_TEXT),
    degraded: name(record.degraded),
    attempts: count(record.attempts.length, MAX_INTEGER),
    session: name(record.session),
    end_user: name(record.user),
    trace: name(record.trace),
    tags: record.tags.slice(0, MAX_TAGS).map((tag) => name(tag)),
  }
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as Row
}

/** Removes NULs and lone surrogates, which Postgres rejects. */
function text(value: string, max: number): string
function text(value: string | undefined, max: number): string | undefined
function text(value: string | undefined, max: number): string | undefined {
  return value?.slice(0, max).replaceAll('\0', '').toWellFormed()
}

function name(value: string): string
function name(value: string | undefined): string | undefined
function name(value: string | undefined): string | undefined {
  return text(value, MAX_NAME)
}

const count = (value: number | undefined, max = MAX_COUNT) =>
  value === undefined || Number.isNaN(value) ? undefined : Math.min(max, Math.max(0, Math.round(value)))

/** A decimal string, so that no reader converts it to a binary fraction. */
const dollars = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? undefined : Math.min(MAX_USD, Math.max(0, value)).toFixed(9)
