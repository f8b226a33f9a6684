import type { IncomingMessage, ServerResponse } from 'node:http'
import { type JsonObject, object, text } from '../core/json.ts'
import { brokenOff, gone } from './deliver.ts'

/** One request that reached the fake, and what became of it. */
export type FakeRequest = {
  method: string
  /** Without the query: `/v1/chat/completions`. */
  path: string
  query: URLSearchParams
  headers: Record<string, string | string[] | undefined>
  /** The body's bytes as text. */
  text: string
  /** The body, parsed; `{}` where it is no JSON object. */
  body: JsonObject
  /** The body's `model`, or `''`. */
  model: string
  /** The body asks for `stream: true`. */
  stream: boolean
  /** The client went away before the answer's end. Never true for a connection that a fault broke. Final once `closed`. */
  aborted: boolean
  /** Resolves when the exchange is over, one way or another. Never rejects. */
  closed: Promise<void>
  /** When it had arrived, in milliseconds since the epoch. */
  at: number
}

export type FakeFilter =
  | Partial<Pick<FakeRequest, 'path' | 'method' | 'model' | 'stream'>>
  | ((request: FakeRequest) => boolean)

/** Rejects where the client goes away before it has sent everything. */
export async function read(req: IncomingMessage, res: ServerResponse): Promise<FakeRequest> {
  const pieces: Buffer[] = []
  for await (const piece of req) pieces.push(piece as Buffer)
  const source = Buffer.concat(pieces).toString()
  const [path = '/', ...query] = (req.url ?? '/').split('?')
  const body = parse(source)
  const request: FakeRequest = {
    method: req.method ?? 'GET',
    path,
    query: new URLSearchParams(query.join('?')),
    headers: req.headers,
    text: source,
    body,
    model: text(body.model),
    stream: body.stream === true,
    aborted: false,
    closed: gone(res).then(() => {
      request.aborted = !res.writableFinished && !brokenOff(res)
    }),
    at: Date.now(),
  }
  return request
}

export function matches(request: FakeRequest, filter: FakeFilter): boolean {
  if (typeof filter === 'function') return filter(request)
  return Object.entries(filter).every(
    ([field, value]) => value === undefined || request[field as keyof FakeRequest] === value,
  )
}

function parse(source: string): JsonObject {
  try {
    return object(JSON.parse(source))
  } catch {
    return {}
  }
}
