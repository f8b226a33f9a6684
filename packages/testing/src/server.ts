import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { chat, type Rendered } from './chat.ts'
import { completions } from './completions.ts'
import { deliverStream, deliverWhole, gone } from './deliver.ts'
import { idOf } from './deterministic.ts'
import { embeddings } from './embeddings.ts'
import { errorBody, type Fault } from './faults.ts'
import type { JsonObject } from './json.ts'
import { object, text } from './json.ts'
import type { Answer } from './model.ts'
import { responses } from './responses.ts'
import { type Counter, counterOf } from './usage.ts'

/** One request that reached the fake, and what became of it. */
export type FakeRequest = {
  method: string
  /** Without the query: `/v1/chat/completions`. */
  path: string
  query: URLSearchParams
  headers: Record<string, string | string[] | undefined>
  /** The body's bytes as text, and parsed where it is a JSON object. */
  text: string
  body: JsonObject
  model: string
  stream: boolean
  /** The client went away before the answer's end. */
  aborted: boolean
  /** Resolves when the exchange is over, one way or another. */
  closed: Promise<void>
}

export type FakeOptions = {
  /** @default 0, any free port */
  port?: number
  /** Milliseconds before every answer. @default 0 */
  latencyMs?: number
  /** Milliseconds after every chunk of a stream. @default 0 */
  chunkDelayMs?: number
  /** What the model says; `undefined` leaves it to the fake. A plain string is a text. */
  answer?: (request: FakeRequest) => Answer | string | undefined
  /** `exact` counts tokens as OpenAI does and loads a tokeniser; `approximate` takes four characters for one. @default 'exact' */
  tokens?: 'exact' | 'approximate'
  /** The only keys that are accepted. @default any key */
  apiKeys?: string[]
  /** What GET /v1/models lists. */
  models?: string[]
}

export type FakeFilter =
  | Partial<Pick<FakeRequest, 'path' | 'method' | 'model' | 'stream'>>
  | ((request: FakeRequest) => boolean)

export type FakeOpenAI = AsyncDisposable & {
  /** For `new OpenAI({ baseURL })`. */
  baseURL: string
  port: number
  /** Everything that reached it, in order. */
  requests: FakeRequest[]
  /** How many requests reached it. */
  count: (filter?: FakeFilter) => number
  /** Something goes wrong with the next request, or the next `times`, that `when` accepts. */
  fail: (fault: Fault, options?: { times?: number; when?: FakeFilter }) => void
  /** The model says this next. */
  answer: (...answers: (Answer | string)[]) => void
  /** Forgets requests, faults and scripted answers. */
  reset: () => void
  /** Breaks every connection and frees the port. */
  close: () => Promise<void>
}

const MODELS = [
  'gpt-4o',
  'gpt-4o-mini',
  'gpt-4.1',
  'o4-mini',
  'text-embedding-3-large',
  'text-embedding-3-small',
]
const ANSWERERS: Record<
  string,
  ((body: JsonObject, scripted: Answer | undefined, count: Counter) => Rendered) | undefined
> = {
  '/v1/chat/completions': chat,
  '/v1/responses': responses,
  '/v1/completions': completions,
}

/**
 * A server on loopback that speaks OpenAI's API, as openai 7.57 types it: chat, Responses, embeddings, legacy completions
 * and models, whole and streamed. The same request always gets the same answer.
 *
 * @example
 * const upstream = await startFakeOpenAI()
 * const client = createGatewayClient({ baseURL: upstream.baseURL, apiKey: 'test' })
 */
export async function startFakeOpenAI(options: FakeOptions = {}): Promise<FakeOpenAI> {
  const count = await counterOf(options.tokens ?? 'exact')
  const requests: FakeRequest[] = []
  let faults: { fault: Fault; left: number; when: FakeFilter }[] = []
  let scripted: Answer[] = []

  const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (req, res) => {
    handle(req, res).catch((error: unknown) => {
      if (!res.headersSent && !res.destroyed) refuse(res, { status: 500, message: String(error) })
      else res.destroy()
    })
  })

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const request = await read(req, res)
    requests.push(request)
    const fault = takeFault(request)
    if (options.latencyMs) await sleep(options.latencyMs)
    if (fault?.type === 'latency') await sleep(fault.ms)
    if (fault?.type === 'reset' && fault.after !== 'headers') return void res.socket?.resetAndDestroy()
    if (fault?.type === 'hang' && fault.after !== 'headers') return await gone(res)
    decorate(res, request)
    if (fault?.type === 'status') return refuse(res, fault)
    await answer(request, res, fault)
  }

  async function answer(request: FakeRequest, res: ServerResponse, fault: Fault | undefined): Promise<void> {
    const { path, method, body } = request
    const problem = problemWith(request)
    if (problem !== undefined) return refuse(res, problem)
    const answerer = method === 'POST' ? ANSWERERS[path] : undefined
    if (answerer !== undefined) {
      const rendered = answerer(body, script(request), count)
      if (!request.stream) return await deliverWhole(res, JSON.stringify(rendered.whole), fault)
      return await deliverStream(res, rendered.chunks(), fault, options.chunkDelayMs ?? 0)
    }
    if (method === 'POST' && path === '/v1/embeddings')
      return await deliverWhole(res, JSON.stringify(embeddings(body, count)), fault)
    const listed = other(request, options.models ?? MODELS)
    if (listed === undefined) return refuse(res, { status: 404, message: `Invalid URL (${method} ${path})` })
    await deliverWhole(res, JSON.stringify(listed), fault)
  }

  function problemWith({ method, path, text: source, body, headers }: FakeRequest) {
    const key =
      /^Bearer (.+)$/.exec(String(headers.authorization ?? ''))?.[1] ?? String(headers['api-key'] ?? '')
    if (key === '') return { status: 401, code: '', message: "You didn't provide an API key." }
    if (options.apiKeys && !options.apiKeys.includes(key)) return { status: 401 }
    const governed = method === 'POST' && (Object.hasOwn(ANSWERERS, path) || path === '/v1/embeddings')
    if (!governed) return undefined
    if (Object.keys(body).length === 0 && source.trim() !== '{}')
      return { status: 400, message: 'We could not parse the JSON body of your request.' }
    if (text(body.model) === '' && !body.prompt)
      return { status: 400, message: 'you must provide a model parameter' }
    return undefined
  }

  function takeFault(request: FakeRequest): Fault | undefined {
    const found = faults.find(({ left, when }) => left > 0 && matches(request, when))
    if (found) found.left -= 1
    return found?.fault
  }

  function script(request: FakeRequest): Answer | undefined {
    const said = scripted.shift() ?? options.answer?.(request)
    return typeof said === 'string' ? { text: said } : said
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    port,
    requests,
    count: (filter = {}) => requests.filter((request) => matches(request, filter)).length,
    fail: (fault, { times = 1, when = {} } = {}) => void faults.push({ fault, left: times, when }),
    answer: (...answers) =>
      void scripted.push(...answers.map((said) => (typeof said === 'string' ? { text: said } : said))),
    reset() {
      requests.length = 0
      faults = []
      scripted = []
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function read(req: IncomingMessage, res: ServerResponse): Promise<FakeRequest> {
  const pieces: Buffer[] = []
  for await (const piece of req) pieces.push(piece as Buffer)
  const source = Buffer.concat(pieces).toString()
  const { pathname, searchParams } = new URL(req.url ?? '/', 'http://localhost')
  const body = parse(source)
  const request: FakeRequest = {
    method: req.method ?? 'GET',
    path: pathname,
    query: searchParams,
    headers: req.headers,
    text: source,
    body,
    model: text(body.model),
    stream: body.stream === true,
    aborted: false,
    closed: gone(res).then(() => {
      request.aborted = !res.writableFinished
    }),
  }
  return request
}

function parse(source: string): JsonObject {
  try {
    return object(JSON.parse(source))
  } catch {
    return {}
  }
}

function matches(request: FakeRequest, filter: FakeFilter): boolean {
  if (typeof filter === 'function') return filter(request)
  return Object.entries(filter).every(([field, value]) => request[field as keyof FakeRequest] === value)
}

function decorate(res: ServerResponse, request: FakeRequest): void {
  res.setHeader('x-request-id', idOf('req_', `${request.text}${Math.random()}`))
  res.setHeader('openai-processing-ms', '1')
  res.setHeader('openai-version', '2020-10-01')
  res.setHeader('openai-organization', 'fake-org')
  res.setHeader('x-ratelimit-limit-requests', '10000')
  res.setHeader('x-ratelimit-remaining-requests', '9999')
}

function refuse(res: ServerResponse, problem: Omit<Extract<Fault, { type: 'status' }>, 'type'>): void {
  const retryAfter = problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }
  res.writeHead(problem.status, { 'content-type': 'application/json', ...retryAfter, ...problem.headers })
  res.end(JSON.stringify(errorBody(problem)))
}

/** Endpoints that nobody governs: enough of them for clients to work. */
function other({ method, path, body }: FakeRequest, models: string[]): JsonObject | undefined {
  const model = (id: string) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'openai' })
  if (method === 'GET' && path === '/v1/models') return { object: 'list', data: models.map(model) }
  const named = /^\/v1\/models\/(.+)$/.exec(path)?.[1]
  if (method === 'GET' && named !== undefined && models.includes(named)) return model(named)
  const response = /^\/v1\/responses\/([^/]+)$/.exec(path)?.[1]
  if (method === 'DELETE' && response !== undefined)
    return { id: response, object: 'response', deleted: true }
  if (method === 'POST' && path === '/v1/moderations')
    return {
      id: idOf('modr-', JSON.stringify(body)),
      model: 'omni-moderation-latest',
      results: [{ flagged: false, categories: {}, category_scores: {} }],
    }
  if (method === 'POST' && /^\/v1\/(files|images|audio|batches)\b/.test(path))
    return { id: idOf('file-', path), object: 'file' }
  return undefined
}
