import { isObject, parseObject, text as textIn } from '../../core/json.ts'
import { type BatchItem, type BatchRejected, type ItemResult, type Limits, sendInBatches } from '../batch.ts'
import { ask, excerpt, httpError } from '../http.ts'
import { DeliveryError, type Report } from '../sink.ts'
import { type Attributes, exportOf } from './encode.ts'

/** A span, serialised. */
export type SpanPart = BatchItem & { json: string }

export type Receiver = {
  /** In messages. */
  who: string
  /** What to check when it does not let us in. */
  keys: string
  url: string
  headers: Record<string, string>
  resource: Attributes
  /** Who made the spans, by OpenTelemetry's name for it: an instrumentation scope. @default this package */
  scope?: { name: string; attributes: Attributes }
}

/** OTLP receivers commonly take 4 MiB or more at once. */
const LIMITS: Limits = { parts: 100, bytes: 2_000_000 }

/**
 * Sends spans by OTLP/HTTP. The format is written here rather than by the `@opentelemetry` exporters: those bring fifteen
 * packages whose versions must agree with those of the program around us, retry by themselves, cannot be aborted, and
 * keep a partial success to themselves. The JSON is small, specified, and says for each request what became of it.
 */
export function exportSpans(
  receiver: Receiver,
  parts: readonly SpanPart[],
  signal: AbortSignal,
): Promise<Map<Report, ItemResult>> {
  return sendInBatches(parts, LIMITS, (due) => send(receiver, due, signal))
}

async function send(
  { who, keys, url, headers, resource, scope }: Receiver,
  due: readonly SpanPart[],
  signal: AbortSignal,
): Promise<ItemResult[] | BatchRejected> {
  const body = exportOf(
    resource,
    due.map(({ json }) => json),
    scope,
  )
  const request = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }
  const answer = await ask(who, url, request, signal)
  const { status, headers: about, text } = answer
  if (status < 300 && about.get('content-type')?.startsWith('text/html'))
    throw new DeliveryError(`a web page from ${who}: check its address`)
  if (status >= 200 && status < 300) return fatesOf(who, parseObject(text) ?? {}, due.length)
  if (status === 400 || status === 413 || status === 422)
    return { whole: `${status} from ${who}: ${excerpt(text)}` }
  throw httpError(who, answer, keys)
}

/**
 * A partial success counts the rejected and does not name them, and must not be sent again: the number is right, and
 * which of them it was, nobody knows.
 * Source: OTLP specification 1.5, "Partial Success".
 */
function fatesOf(who: string, { partialSuccess }: Record<string, unknown>, count: number): ItemResult[] {
  const { rejectedSpans, errorMessage } = isObject(partialSuccess) ? partialSuccess : {}
  // A 64-bit number, which JSON of protobuf writes as a string.
  const rejected = typeof rejectedSpans === 'number' ? rejectedSpans : Number(textIn(rejectedSpans))
  const refused = `${who} rejected spans: ${excerpt(textIn(errorMessage))}`
  return Array.from({ length: count }, (_, at) => (at < rejected ? { refused } : 'taken'))
}
