import type { View } from '../call.ts'
import { whileWanted } from '../wait.ts'
import type { Arrival } from './arrival.ts'
import { atRest } from './at-rest.ts'
import type { Format } from './format.ts'
import { headersAtRest } from './headers-at-rest.ts'
import type { Source } from './live.ts'
import { type Entry, type Log, terminated } from './log.ts'
import { readerOf } from './reader.ts'
import type { Ending, Leave } from './recording.ts'
import { sseFrame } from './sse.ts'
import { bytesOf, type Tally } from './tally.ts'

/** A live answer, as its views need to know it. */
type Live = {
  response: Arrival
  source: Source
  streamed: boolean
  format: Format | undefined
  log: Log
  tally: Tally
  over: Promise<void>
  outcome: () => Ending['type'] | undefined
}

/** A whole answer whose body takes longer than this after its headers is handed over unfinished. */
const GRACE_MS = 50

/** One reader's Response. Those who asked as the first one did see upstream's own bytes; the others, the same answer in their shape. */
export async function openView(live: Live, view: View, leave: Leave): Promise<Response> {
  const { source, format, response } = live
  if (view.stream === source.stream || !response.ok)
    return view.stream ? following(live, view, leave) : await whole(live, view, leave)

  await arrival(live.over, view, leave)
  const answer = live.outcome() === 'complete' ? live.tally.answer() : undefined
  leave(false)
  if (answer === undefined || format === undefined)
    throw terminated('the answer that this call shared never came to its end')
  return view.stream
    ? dress(live, format.emit(answer.json, view.includeUsage).join(''), view, EVENTS)
    : dress(live, answer.text, view, 'application/json')
}

function following(live: Live, view: View, leave: Leave, cursor = live.log.join()): Response {
  const early = (early: boolean) => leave(early && live.outcome() === undefined && !live.tally.finished())
  const body = readerOf({ log: live.log, cursor, render: renderer(live, view) }, view, early)
  return dress(live, body, view)
}

/** Buffered, so that its headers can tell its cost; unless it dawdles, breaks or is too long. */
async function whole(live: Live, view: View, leave: Leave): Promise<Response> {
  const { log } = live
  // It has its place from now on: while it waits, the others go on.
  const cursor = log.join()
  const left = (early: boolean) => {
    log.leave(cursor)
    leave(early)
  }
  if (live.outcome() === undefined || view.signal.aborted) await arrival(live.over, view, left, GRACE_MS)
  const entries = live.outcome() === 'complete' ? log.whole() : undefined
  if (entries === undefined) return following(live, view, leave, cursor)
  left(false)
  return dress(live, bytesOf(entries), view)
}

async function arrival(over: Promise<void>, view: View, leave: Leave, ms?: number): Promise<void> {
  try {
    if (ms === undefined) await whileWanted(over, view.signal)
    else await whileWanted(over, view.signal, ms)
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
function dress(
  { response }: Live,
  body: string | Uint8Array | ReadableStream,
  { signal }: View,
  type?: string,
): Response {
  const { status, statusText, url, redirected, mutable = false } = response
  const headers = headersAtRest(type === undefined ? response.headers : reshaped(response.headers, type))
  const bodyless = status === 204 || status === 205 || status === 304
  const head = { status, statusText, url, type: response.type, redirected, mutable, signal }
  return atRest(bodyless ? null : body, headers, head)
}

function reshaped(upstream: Headers, type: string): Headers {
  const headers = new Headers({ 'content-type': type })
  const requestId = upstream.get('x-request-id')
  if (requestId !== null) headers.set('x-request-id', requestId)
  return headers
}
