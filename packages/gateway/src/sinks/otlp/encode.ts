/**
 * A span in OTLP/HTTP's JSON. Source: opentelemetry-proto 1.5, `trace.proto`, and the JSON mapping in the OTLP
 * specification.
 */
export type Span = {
  traceId: string
  spanId: string
  name: string
  /** 3: SPAN_KIND_CLIENT, a request to another service. */
  kind: 3
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: KeyValue[]
  /** 2: STATUS_CODE_ERROR. */
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
 * Removes NULs, which Postgres rejects, and lone surrogates, which protobuf rejects. Either would lose the span, or
 * the whole export.
 */
export const plainText = (text: string): string => text.replaceAll('\0', '').toWellFormed()

/** Formats `at + plusMs` (milliseconds since the epoch) as integer nanoseconds: more digits than a number holds. */
export function nanos(at: number, plusMs = 0): string {
  const micros = Math.max(0, Math.round(plusMs * 1_000))
  const ms = Math.floor(micros / 1_000)
  return `${at + ms}${String(micros % 1_000).padStart(3, '0')}000`
}

const DEFAULT_SCOPE = { name: '@hotdash/llm-gateway', attributes: {} }

/** Builds an export's body from spans already serialised: each is serialised once, to be measured and sent. */
export function exportOf(
  resource: Attributes,
  spans: readonly string[],
  { name, attributes }: { name: string; attributes: Attributes } = DEFAULT_SCOPE,
): string {
  const scope = JSON.stringify({ name, attributes: attributesOf(attributes) })
  return (
    `{"resourceSpans":[{"resource":${JSON.stringify({ attributes: attributesOf(resource) })},` +
    `"scopeSpans":[{"scope":${scope},"spans":[${spans.join(',')}]}]}]}`
  )
}
