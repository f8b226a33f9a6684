import { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { isMutable } from './sealed.ts'

/** What upstream answered: its head, and a body that comes piece by piece, to be read once. */
export type UpstreamResponse = Pick<
  Response,
  'ok' | 'status' | 'statusText' | 'headers' | 'url' | 'type' | 'redirected'
> & { body: ByteReader | undefined; mutable?: boolean }

export type ByteReader = {
  read: () => Promise<{ done: boolean; value?: Uint8Array | undefined }>
  /** Nobody wants the rest: upstream may stop. */
  cancel: (reason: unknown) => Promise<void>
}

/** The answer of a `fetch`; `own`: of one that is not Node's, whose answers need not be like those. */
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
    body: isNone(body) ? bodyless(response) : readable(body).getReader(),
  }
}

const isNone = (value: unknown): value is null | undefined => value === null || value === undefined

/** The SDK asks no more of them than `get` and `entries`, which a Map has, too. */
function headersOf({ headers }: Response): Headers {
  return headers instanceof Headers ? headers : new Headers([...(headers as Headers).entries()])
}

/** What tests answer with in place of a Response has a `text()` at best; the SDK asks for no more. */
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

/** A transport of the caller's own may answer with Node's streams. */
function readable(body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return 'getReader' in body ? body : (NodeReadableStream.from(body) as ReadableStream<Uint8Array>)
}
