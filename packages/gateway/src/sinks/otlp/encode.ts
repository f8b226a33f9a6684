/** A span as OTLP/HTTP has it in JSON. Source: opentelemetry-proto 1.5, `trace.proto`, and the JSON mapping in the OTLP specification. */
export type Span = {
  traceId: string
  spanId: string
  name: string
  /** 3: a request to somebody else. */
  kind: 3
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: KeyValue[]
  /** 2: an error. */
  status: { code?: 2; message?: string }
}

type KeyValue = { key: string; value: Value }
type Value =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: Value[] } }

export type Attributes = Record<string, string | number | boolean | string[] | undefined>

export function attributesOf(attributes: Attributes): KeyValue[] {
  const found: KeyValue[] = []
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) found.push({ key, value: toValue(value) })
  return found
}

function toValue(value: string | number | boolean | string[]): Value {
  if (typeof value === 'string') return { stringValue: plainText(value) }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value !== 'number')
    return { arrayValue: { values: value.map((each) => ({ stringValue: plainText(each) })) } }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/**
 * What every receiver can keep: no NUL, which Postgres refuses, and whole characters, which protobuf insists on. One that
 * could not be kept takes its whole span, or the whole export, with it.
 */
export const plainText = (text: string): string => text.replaceAll('\0', '').toWellFormed()

/** Milliseconds since the epoch and some more, in whole nanoseconds: more digits than a number can hold. */
export function nanos(at: number, plusMs = 0): string {
  const micros = Math.max(0, Math.round(plusMs * 1_000))
  const ms = Math.floor(micros / 1_000)
  return `${at + ms}${String(micros % 1_000).padStart(3, '0')}000`
}

const OURS = { name: '@hotdash/llm-gateway', attributes: {} }

/** The body of one export, from spans that are JSON already: each is serialised once, to be measured and to be sent. */
export function exportOf(
  resource: Attributes,
  spans: readonly string[],
  { name, attributes }: { name: string; attributes: Attributes } = OURS,
): string {
  const scope = JSON.stringify({ name, attributes: attributesOf(attributes) })
  return (
    `{"resourceSpans":[{"resource":${JSON.stringify({ attributes: attributesOf(resource) })},` +
    `"scopeSpans":[{"scope":${scope},"spans":[${spans.join(',')}]}]}]}`
  )
}
