import { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { isMutable } from './native-headers.ts'

/** Upstream's answer: its head, and a body to be read once, in pieces. */
export type UpstreamResponse = Pick<
  Response,
  'ok' | 'status' | 'statusText' | 'headers' | 'url' | 'type' | 'redirected'
> & { body: PieceReader<Uint8Array | string> | undefined; mutable?: boolean }

/** Reads a body. Only a program's own `fetch` has texts in it, which the SDK reads, too. */
export type PieceReader<Piece> = {
  read: () => Promise<{ done: boolean; value?: Piece | undefined }>
  /** Stops upstream: the rest is not needed. */
  cancel: (reason: unknown) => Promise<void>
}

export type ByteReader = PieceReader<Uint8Array>

/** Wraps the answer of a `fetch`. `own`: the program's own `fetch`, whose answers may lack members. */
export function fromResponse(response: Response, own = false): UpstreamResponse {
  const { ok, status, statusText, url, type, redirected, body } = response
  const headers = own ? headersOf(response) : response.headers
  return {
    ok,
    status,
    statusText,
    headers,
    url,
    type,
    redirected,
    ...(own && { mutable: isMutable(headers) }),
    body: isNone(body) ? bodyless(response) : readerOf(response, body),
  }
}

/** Returns a reader that fails at the first read where the program has read or locked the body: upstream has answered. */
function readerOf({ bodyUsed }: Response, body: NonNullable<Response['body']>): ByteReader {
  const stream = readable(body)
  if (!bodyUsed && !stream.locked) return stream.getReader()
  return {
    read: () => Promise.reject(new TypeError('Body is unusable: Body has already been read')),
    cancel: async () => undefined,
  }
}

const isNone = (value: unknown): value is null | undefined => value === null || value === undefined

/** Accepts whatever has `get` and `entries`, such as a Map: the SDK uses no other members. */
function headersOf({ headers }: Response): Headers {
  return headers instanceof Headers ? headers : new Headers([...(headers as Headers).entries()])
}

/** Reads objects that tests return in place of a Response: they may have only `text()`, as the SDK needs no more. */
function bodyless(response: Pick<Response, 'text'>): ByteReader | undefined {
  if (response instanceof Response) return undefined
  let isRead = false
  return {
    async read() {
      if (isRead) return { done: true }
      isRead = true
      return { done: false, value: new TextEncoder().encode(await response.text()) }
    },
    async cancel() {
      isRead = true
    },
  }
}

/** Converts Node's streams, which a program's own transport may return. */
function readable(body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return 'getReader' in body ? body : (NodeReadableStream.from(body) as ReadableStream<Uint8Array>)
}

/**
 * Returns the bytes of pieces, of which some are texts. A character that two texts share is kept for the second: alone, each half would be
 * replaced.
 */
export function createPieceBytes(): (piece: Uint8Array | string) => Uint8Array {
  let half = ''
  return (piece) => {
    if (typeof piece !== 'string') return piece
    const said = half + piece
    half = /[\uD800-\uDBFF]$/.exec(said)?.[0] ?? ''
    return Buffer.from(said.slice(0, said.length - half.length))
  }
}
