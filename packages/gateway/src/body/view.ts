import type { Ending, Release, View } from '../core/recording.ts'
import { raceAbort } from '../util/timeout.ts'
import { type AnswerAccumulator, bytesOf } from './accumulator.ts'
import { bufferedResponse } from './buffered-response.ts'
import { type ChunkLog, type Entry, terminated } from './chunk-log.ts'
import type { Format } from './format.ts'
import { layeredHeaders } from './layered-headers.ts'
import { readerOf } from './reader.ts'
import type { Source } from './source.ts'
import { sseFrame } from './sse.ts'
import type { UpstreamResponse } from './upstream-response.ts'

/** A live answer, as its views need to know it. */
type Live = {
  response: UpstreamResponse
  source: Source
  streamed: boolean
  format: Format | undefined
  log: ChunkLog
  tally: AnswerAccumulator
  over: Promise<void>
  outcome: () => Ending['type'] | undefined
}

/** A whole answer whose body takes longer than this after its headers is handed over unfinished. */
const GRACE_MS = 50

/** One reader's Response. Those who asked as the first one did see upstream's own bytes; the others, the same answer in their shape. */
export async function openView(live: Live, view: View, leave: Release): Promise<Response> {
  const { source, format, response } = live
  if (view.stream === source.stream || !response.ok)
    return view.stream ? streamedView(live, view, leave) : await bufferedView(live, view, leave)

  await awaitEnd(live.over, view, leave)
  const answer = live.outcome() === 'complete' ? live.tally.answer() : undefined
  leave(false)
  if (answer === undefined || format === undefined)
    throw terminated('the answer that this call shared never came to its end')
  return view.stream
    ? toResponse(live, format.emit(answer.json, view.includeUsage).join(''), view, EVENTS)
    : toResponse(live, answer.text, view, 'application/json')
}

function streamedView(live: Live, view: View, leave: Release, cursor = live.log.join()): Response {
  const early = (early: boolean) => leave(early && live.outcome() === undefined && !live.tally.finished())
  const body = readerOf({ log: live.log, cursor, render: renderer(live, view) }, view, early)
  return toResponse(live, body, view)
}

/** Buffered, so that its headers can tell its cost; unless it dawdles, breaks or is too long. */
async function bufferedView(live: Live, view: View, leave: Release): Promise<Response> {
  const { log } = live
  // It has its place from now on: while it waits, the others go on.
  const cursor = log.join()
  const left = (early: boolean) => {
    log.leave(cursor)
    leave(early)
  }
  if (live.outcome() === undefined || view.signal.aborted) await awaitEnd(live.over, view, left, GRACE_MS)
  const entries = live.outcome() === 'complete' ? log.whole() : undefined
  if (entries === undefined) return streamedView(live, view, leave, cursor)
  left(false)
  return toResponse(live, bytesOf(entries), view)
}

async function awaitEnd(over: Promise<void>, view: View, leave: Release, ms?: number): Promise<void> {
  try {
    if (ms === undefined) await raceAbort(over, view.signal)
    else await raceAbort(over, view.signal, ms)
  } catch (reason) {
    leave(true)
    throw reason
  }
}

const EVENTS = 'text/event-stream; charset=utf-8'
const encoder = new TextEncoder()

/** Hides the usage that we asked for and this caller did not. */
function renderer({ source, streamed, format }: Live, view: View): (entry: Entry) => Uint8Array | undefined {
  if (!streamed || !source.usageInjected || view.includeUsage || format === undefined)
    return (entry) => (entry.bytes.byteLength === 0 ? undefined : entry.bytes)
  return (entry) => {
    const shown = entry.events.filter((event) => !format.isUsageOnly(event)).map(format.withoutNullUsage)
    return shown.length === 0 ? undefined : encoder.encode(shown.map(sseFrame).join(''))
  }
}

/** Upstream's status and headers around a body; of its headers only those that still hold when the shape changed. */
function toResponse(
  { response }: Live,
  body: string | Uint8Array | ReadableStream,
  { signal }: View,
  type?: string,
): Response {
  const { status, statusText, url, redirected, mutable = false } = response
  const headers = layeredHeaders(
    type === undefined ? response.headers : convertedHeaders(response.headers, type),
  )
  const bodyless = status === 204 || status === 205 || status === 304
  const head = { status, statusText, url, type: response.type, redirected, mutable, signal }
  return bufferedResponse(bodyless ? null : body, headers, head)
}

function convertedHeaders(upstream: Headers, type: string): Headers {
  const headers = new Headers({ 'content-type': type })
  const requestId = upstream.get('x-request-id')
  if (requestId !== null) headers.set('x-request-id', requestId)
  return headers
}
