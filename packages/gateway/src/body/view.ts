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

/** A live answer: what its views read. */
type Live = {
  response: UpstreamResponse
  source: Source
  streamed: boolean
  format: Format | undefined
  log: ChunkLog
  accumulator: AnswerAccumulator
  over: Promise<void>
  outcome: () => Ending['type'] | undefined
}

/** Time after the headers within which a whole answer is buffered; a slower one is handed over as it arrives. */
const GRACE_MS = 50

/** Opens one reader's Response: upstream's own bytes, or the answer converted if the reader wants the other of stream and whole. */
export async function openView(live: Live, view: View, release: Release): Promise<Response> {
  const { source, format, response } = live
  if (view.stream === source.stream || !response.ok)
    return view.stream ? streamedView(live, view, release) : await bufferedView(live, view, release)

  await awaitEnd(live.over, view, release)
  const answer = live.outcome() === 'complete' ? live.accumulator.answer() : undefined
  release(false)
  if (answer === undefined || format === undefined)
    throw terminated('the answer that this call shared never came to its end')
  return view.stream
    ? toResponse(live, format.emit(answer.json, view.includeUsage).join(''), view, EVENTS)
    : toResponse(live, answer.text, view, 'application/json')
}

function streamedView(live: Live, view: View, release: Release, position = live.log.join()): Response {
  const releaseView = (early: boolean) =>
    release(early && live.outcome() === undefined && !live.accumulator.finished())
  const body = readerOf({ log: live.log, position, render: renderer(live, view) }, view, releaseView)
  return toResponse(live, body, view)
}

/** Buffers a whole answer, so that its headers can hold its cost, unless it is slow, breaks or is too long. */
async function bufferedView(live: Live, view: View, release: Release): Promise<Response> {
  const { log } = live
  // Joins now: other readers proceed while this one waits.
  const position = log.join()
  const releaseAll = (early: boolean) => {
    log.release(position)
    release(early)
  }
  if (live.outcome() === undefined || view.signal.aborted)
    await awaitEnd(live.over, view, releaseAll, GRACE_MS)
  const entries = live.outcome() === 'complete' ? log.whole() : undefined
  if (entries === undefined) return streamedView(live, view, release, position)
  releaseAll(false)
  return toResponse(live, bytesOf(entries), view)
}

async function awaitEnd(over: Promise<void>, view: View, release: Release, ms?: number): Promise<void> {
  try {
    if (ms === undefined) await raceAbort(over, view.signal)
    else await raceAbort(over, view.signal, ms)
  } catch (reason) {
    release(true)
    throw reason
  }
}

const EVENTS = 'text/event-stream; charset=utf-8'
const encoder = new TextEncoder()

/** Removes usage that the gateway asked for and this caller did not. */
function renderer({ source, streamed, format }: Live, view: View): (entry: Entry) => Uint8Array | undefined {
  if (!streamed || !source.usageInjected || view.includeUsage || format === undefined)
    return (entry) => (entry.bytes.byteLength === 0 ? undefined : entry.bytes)
  return (entry) => {
    const shown = entry.events.filter((event) => !format.isUsageOnly(event)).map(format.withoutNullUsage)
    return shown.length === 0 ? undefined : encoder.encode(shown.map(sseFrame).join(''))
  }
}

/** Creates a Response with upstream's status and headers. `type`: the body was converted, and only headers that still apply are kept. */
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
