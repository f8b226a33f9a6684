import { isObject, parseObject, text as textIn } from '../../core/json.ts'
import { type BatchItem, type BatchRejected, type ItemResult, type Limits, sendInBatches } from '../batch.ts'
import { ask, excerpt, httpError } from '../http.ts'
import { DeliveryError, type Report } from '../sink.ts'
import { type Attributes, exportOf } from './encode.ts'

/** A serialised span. */
export type SpanItem = BatchItem & { json: string }

export type Receiver = {
  /** Name of the receiver in messages. */
  name: string
  /** What to check after a 401 or 403. */
  keysHint: string
  url: string
  headers: Record<string, string>
  resource: Attributes
  /** Instrumentation scope of the spans. @default this package */
  scope?: { name: string; attributes: Attributes }
}

/** OTLP receivers commonly accept 4 MiB or more per request. */
const LIMITS: Limits = { items: 100, bytes: 2_000_000 }

/**
 * Sends spans by OTLP/HTTP, without the `@opentelemetry` exporters: those are fifteen packages whose versions must
 * agree with the program's, retry by themselves, cannot be aborted, and hide partial success. The JSON format is small
 * and specified, and its answer tells the result of each request.
 */
export function exportSpans(
  receiver: Receiver,
  parts: readonly SpanItem[],
  signal: AbortSignal,
): Promise<Map<Report, ItemResult>> {
  return sendInBatches(parts, LIMITS, (due) => send(receiver, due, signal))
}

async function send(
  { name, keysHint, url, headers, resource, scope }: Receiver,
  due: readonly SpanItem[],
  signal: AbortSignal,
): Promise<ItemResult[] | BatchRejected> {
  const body = exportOf(
    resource,
    due.map(({ json }) => json),
    scope,
  )
  const request = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }
  const answer = await ask(name, url, request, signal)
  const { status, headers: about, text } = answer
  if (status < 300 && about.get('content-type')?.startsWith('text/html'))
    throw new DeliveryError(`a web page from ${name}: check its address`)
  if (status >= 200 && status < 300) return resultsOf(name, parseObject(text) ?? {}, due.length)
  if (status === 400 || status === 413 || status === 422)
    return { batchRejected: `${status} from ${name}: ${excerpt(text)}` }
  throw httpError(name, answer, keysHint)
}

/**
 * Reads a partial success. It counts rejected spans without naming them, and must not be retried: the count is right,
 * but which spans it means is unknown.
 * Source: OTLP specification 1.5, "Partial Success".
 */
function resultsOf(name: string, { partialSuccess }: Record<string, unknown>, count: number): ItemResult[] {
  const { rejectedSpans, errorMessage } = isObject(partialSuccess) ? partialSuccess : {}
  // JSON of protobuf writes a 64-bit number as a string.
  const rejected = typeof rejectedSpans === 'number' ? rejectedSpans : Number(textIn(rejectedSpans))
  const reason = `${name} rejected spans: ${excerpt(textIn(errorMessage))}`
  return Array.from({ length: count }, (_, at) => (at < rejected ? { rejected: reason } : 'accepted'))
}
