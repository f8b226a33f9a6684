import type { CallRecord } from '../../core/record.ts'

/** A row of `llm_usage`, as JSON. What is not known is not in it: the table says what stands there instead. */
export type Row = { request_id: string } & Record<string, string | number | boolean | string[]>

/** Ids, names and words. Longer ones would not be in an index, and help nobody. */
const MAX_NAME = 200
const MAX_TEXT = 500
const MAX_TAGS = 50
const MAX_INTEGER = 2 ** 31 - 1
/** A 64-bit integer holds more, JSON's numbers do not. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER
/** The most that `numeric(18, 9)` holds in whole dollars. */
const MAX_USD = 999_999_999

/** What of a record goes into the table: never what was asked or answered. Always a row that the table takes. */
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

/** Postgres has no NUL in its texts, and no half of a surrogate pair. */
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

/** As a text: a decimal number that no reader on the way makes a binary one of. */
const dollars = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? undefined : Math.min(MAX_USD, Math.max(0, value)).toFixed(9)
