import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer } from '../core/answer.ts'
import { breakConnection, pause, whenClosed } from '../core/connection.ts'
import type { JsonObject } from '../core/json.ts'
import { loadTokenizer } from '../core/tokens.ts'
import { deliverStream, deliverWhole, type WriteOptions } from './deliver.ts'
import { MODELS } from './endpoints/models.ts'
import { type ApiError, errorBody } from './errors.ts'
import type { Fault } from './faults.ts'
import { seededId } from './model/deterministic.ts'
import type { FakeOpenAI, FakeOpenAIOptions } from './options.ts'
import { type FakeRequest, type FakeRequestFilter, matchesFilter, readRequest } from './request.ts'
import { errorEvent, routeRequest, type ServerState } from './route.ts'

export type { FakeOpenAI, FakeOpenAIOptions } from './options.ts'

/**
 * Starts a server on loopback with OpenAI's API, as openai 7.57 types it: chat, Responses, embeddings, legacy completions
 * and models, whole and streamed. The same request always gets the same answer.
 *
 * @throws (rejects) with the system's error where the port is taken
 * @example
 * const upstream = await startFakeOpenAI()
 * const client = createGatewayClient({ baseURL: upstream.baseURL, apiKey: 'test' })
 */
export async function startFakeOpenAI(options: FakeOpenAIOptions = {}): Promise<FakeOpenAI> {
  const requests: FakeRequest[] = []
  let faults: { fault: Fault; left: number; when: FakeRequestFilter }[] = []
  let scripted: (Answer | string)[] = []
  const stored = new Map<string, JsonObject>()
  const writeOptions: WriteOptions = {
    chunkDelayMs: options.chunkDelayMs ?? 0,
    coalesceWrites: options.coalesceWrites ?? false,
  }
  const state: ServerState = {
    // Loaded before the first request, which would otherwise wait for it.
    tokens: await loadTokenizer(options.tokens ?? 'exact'),
    models: options.models ?? MODELS,
    datedModels: options.datedModels ?? false,
    apiKeys: options.apiKeys,
    stored,
    script(request) {
      const answer = scripted.shift() ?? options.answer?.(request)
      return typeof answer === 'string' ? { text: answer } : answer
    },
  }

  const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (req, res) => {
    handle(req, res).catch((error: unknown) => {
      if (!res.headersSent && !res.destroyed) sendError(res, { status: 500, message: String(error) })
      else breakConnection(res, 'cut')
    })
  })

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const request = await readRequest(req, res)
    const nth = requests.push(request)
    const fault = takeFault(request)
    if (options.latencyMs) await pause(options.latencyMs)
    if (fault?.type === 'latency') await pause(fault.ms)
    if (fault?.type === 'reset' && fault.after !== 'headers') return breakConnection(res, 'reset')
    if (fault?.type === 'hang' && fault.after !== 'headers') return await whenClosed(res)
    setCommonHeaders(res, `${request.text.length}${request.path}${nth}`)
    if (fault?.type === 'status') return sendError(res, fault)
    const result = routeRequest(request, state)
    if ('error' in result) return sendError(res, result.error)
    if ('whole' in result) return await deliverWhole(res, JSON.stringify(result.whole), fault)
    await deliverStream(res, result.chunks, fault, writeOptions, (message, at) =>
      errorEvent(request.path, message, at),
    )
  }

  function takeFault(request: FakeRequest): Fault | undefined {
    const found = faults.find(({ left, when }) => left > 0 && matchesFilter(request, when))
    if (found) found.left -= 1
    return found?.fault
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
    count: (filter = {}) => requests.filter((request) => matchesFilter(request, filter)).length,
    fail: (fault, { times = 1, when = {} } = {}) => void faults.push({ fault, left: times, when }),
    answer: (...answers) => void scripted.push(...answers),
    reset() {
      requests.length = 0
      faults = []
      scripted = []
      stored.clear()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function setCommonHeaders(res: ServerResponse, seed: string): void {
  res.setHeader('x-request-id', seededId('req_', seed))
  res.setHeader('openai-processing-ms', '1')
  res.setHeader('openai-version', '2020-10-01')
  res.setHeader('openai-organization', 'fake-org')
  res.setHeader('x-ratelimit-limit-requests', '10000')
  res.setHeader('x-ratelimit-limit-tokens', '2000000')
  res.setHeader('x-ratelimit-remaining-requests', '9999')
  res.setHeader('x-ratelimit-remaining-tokens', '1999000')
  res.setHeader('x-ratelimit-reset-requests', '6ms')
  res.setHeader('x-ratelimit-reset-tokens', '30ms')
}

function sendError(res: ServerResponse, error: ApiError): void {
  const retryAfter = error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }
  res.writeHead(error.status, { 'content-type': 'application/json', ...retryAfter, ...error.headers })
  res.end(JSON.stringify(errorBody(error)))
}
