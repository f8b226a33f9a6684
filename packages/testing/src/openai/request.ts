import type { IncomingMessage, ServerResponse } from 'node:http'
import { wasBrokenByFake, whenClosed } from '../core/connection.ts'
import { type JsonObject, object, text } from '../core/json.ts'

/** One request that the fake received, and how it ended. */
export type FakeRequest = {
  method: string
  /** Path without the query, e.g. `/v1/chat/completions`. */
  path: string
  query: URLSearchParams
  headers: Record<string, string | string[] | undefined>
  /** The body as text. */
  text: string
  /** The parsed body; `{}` where it is no JSON object. */
  body: JsonObject
  /** The body's `model`, or `''`. */
  model: string
  /** Whether the body has `stream: true`. */
  stream: boolean
  /** Whether the client disconnected before the end of the answer; false where a fault broke it. Final once `closed`. */
  aborted: boolean
  /** Resolves when the exchange is over. Never rejects. */
  closed: Promise<void>
  /** Milliseconds since the epoch at which the whole request had arrived. */
  at: number
}

/** Selects requests by the values of fields, or by a function. */
export type FakeRequestFilter =
  | Partial<Pick<FakeRequest, 'path' | 'method' | 'model' | 'stream'>>
  | ((request: FakeRequest) => boolean)

/** Reads a request. Rejects where the client disconnects before the end of the body. */
export async function readRequest(req: IncomingMessage, res: ServerResponse): Promise<FakeRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const source = Buffer.concat(chunks).toString()
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
    closed: whenClosed(res).then(() => {
      request.aborted = !res.writableFinished && !wasBrokenByFake(res)
    }),
    at: Date.now(),
  }
  return request
}

export function matchesFilter(request: FakeRequest, filter: FakeRequestFilter): boolean {
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
