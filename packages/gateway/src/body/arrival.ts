import { ReadableStream as NodeReadableStream } from 'node:stream/web'

/** What upstream answered: its head, and a body that comes piece by piece, to be read once. */
export type Arrival = Pick<
  Response,
  'ok' | 'status' | 'statusText' | 'headers' | 'url' | 'type' | 'redirected'
> & { body: Pieces | undefined }

export type Pieces = {
  read: () => Promise<{ done: boolean; value?: Uint8Array | undefined }>
  /** Nobody wants the rest: upstream may stop. */
  cancel: (reason: unknown) => Promise<void>
}

/** The answer of a `fetch`. */
export function arrivalOf(response: Response): Arrival {
  const { ok, status, statusText, headers, url, type, redirected, body } = response
  return {
    ok,
    status,
    statusText,
    headers,
    url,
    type,
    redirected,
    body: body === null ? undefined : readable(body).getReader(),
  }
}

/** A transport of the caller's own may answer with Node's streams. */
function readable(body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return 'getReader' in body ? body : (NodeReadableStream.from(body) as ReadableStream<Uint8Array>)
}
