import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import type { Ending, Recording, View } from '../core/recording.ts'
import type { MeteredUsage } from '../core/usage.ts'
import { bufferedResponse } from './buffered-response.ts'
import { ensureExactNumbers } from './exact-numbers.ts'
import { formats } from './formats.ts'
import { layeredHeaders } from './layered-headers.ts'

/** A whole answer from a cache. */
export type Stored = {
  text: string
  usage: MeteredUsage
  /** Model that answered. */
  model: string
  /** Headers that apply to a replay; never cookies, lengths, limits or dates. */
  headers: [name: string, value: string][]
}

/** Header of upstream that belongs to the answer, not to the exchange. */
const VERSION = 'openai-version'
const ORIGIN = 'x-gateway-origin-request-id'
const JSON_TYPE = 'application/json'
const HEADER_VALUE = /^[\t -~\x80-\xff]*$/

/** Returns the headers that a replay keeps. The content type is kept if it is more specific than JSON. */
export function replayableHeaders(upstream: Headers): [string, string][] {
  const kept: [string, string][] = []
  const type = upstream.get('content-type') ?? ''
  if (type !== JSON_TYPE && /json/i.test(type)) kept.push(['content-type', type])
  const version = upstream.get(VERSION)
  if (version !== null) kept.push([VERSION, version])
  const id = upstream.get('x-request-id')
  if (id !== null) kept.push([ORIGIN, id])
  return kept
}

/** Returns whether a header of a stored answer is one that `replayableHeaders` keeps: a stranger may have written it. */
export function isReplayable([name, value]: [name: string, value: string]): boolean {
  const isKept = name === 'content-type' ? /json/i.test(value) : name === ORIGIN || name === VERSION
  return isKept && HEADER_VALUE.test(value)
}

const EVENTS = 'text/event-stream; charset=utf-8'

const NO_HEADERS = new Headers()

type Shape = Pick<View, 'stream' | 'includeUsage'>

/**
 * Replays a stored answer, whole or as a stream, so that the SDK builds the same object. Its body is built at once.
 * @throws if the answer cannot be streamed: upstream can still be asked.
 */
export function replay(stored: Stored, operation: Operation, url: string, view: View): Recording {
  const parsed = () => JSON.parse(stored.text) as JsonObject
  const toStream = () => {
    const json = parsed()
    ensureExactNumbers(stored.text, json)
    return json
  }
  const format = formats[operation]
  const isStreamed = (view: Shape) => view.stream && format !== undefined
  const bodyFor = (view: Shape) =>
    isStreamed(view) ? (format?.emit(toStream(), view.includeUsage).join('') ?? stored.text) : stored.text
  const made = bodyFor(view)
  const ending: Ending = {
    type: 'complete',
    usage: stored.usage,
    answer: () => ({ text: stored.text, json: parsed() }),
  }
  return {
    status: 200,
    headers: NO_HEADERS,
    joinable: () => true,
    isOver: () => true,
    cancelIfUnread: () => {},
    ending,
    ended: Promise.resolve(ending),
    /** Whether it can be shown both whole and as a stream to those who share it. */
    async convertible() {
      try {
        bodyFor({ stream: !view.stream, includeUsage: true })
        return true
      } catch {
        return false
      }
    },
    async open(asked, release) {
      release(false)
      const same = asked.stream === view.stream && asked.includeUsage === view.includeUsage
      const body = same ? made : bodyFor(asked)
      const streamed = isStreamed(asked)
      const headers = layeredHeaders()
      headers.put('content-type', streamed ? EVENTS : JSON_TYPE)
      headers.put('x-request-id', randomUUID())
      for (const [name, value] of stored.headers)
        if (!streamed || name !== 'content-type') headers.set(name, value)
      // Opened after an abort, it is the answer to a time-out: the SDK reads it all the same.
      const { signal } = asked
      return bufferedResponse(body, headers, { url, ...(!signal.aborted && { signal }) })
    },
  }
}
