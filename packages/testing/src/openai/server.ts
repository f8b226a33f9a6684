import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer } from '../core/answer.ts'
import type { JsonObject } from '../core/json.ts'
import { tokenizerOf } from '../core/tokens.ts'
import { breakOff, deliverStream, deliverWhole, gone, type Pace, wait } from './deliver.ts'
import { MODELS } from './endpoints/models.ts'
import { errorBody, type Problem } from './errors.ts'
import type { Fault } from './faults.ts'
import { idOf } from './model/deterministic.ts'
import type { FakeOpenAI, FakeOptions } from './options.ts'
import { type FakeFilter, type FakeRequest, matches, read } from './request.ts'
import { answerTo, type Desk, errorEvent } from './route.ts'

export type { FakeOpenAI, FakeOptions } from './options.ts'

/**
 * A server on loopback that speaks OpenAI's API, as openai 7.57 types it: chat, Responses, embeddings, legacy completions
 * and models, whole and streamed. The same request always gets the same answer. Rejects where the port is taken.
 *
 * @example
 * const upstream = await startFakeOpenAI()
 * const client = createGatewayClient({ baseURL: upstream.baseURL, apiKey: 'test' })
 */
export async function startFakeOpenAI(options: FakeOptions = {}): Promise<FakeOpenAI> {
  const requests: FakeRequest[] = []
  let faults: { fault: Fault; left: number; when: FakeFilter }[] = []
  let scripted: (Answer | string)[] = []
  const stored = new Map<string, JsonObject>()
  const pace: Pace = {
    chunkDelayMs: options.chunkDelayMs ?? 0,
    coalesceWrites: options.coalesceWrites ?? false,
  }
  const desk: Desk = {
    // Before the first request, whose answer would be late otherwise.
    tokens: await tokenizerOf(options.tokens ?? 'exact'),
    models: options.models ?? MODELS,
    datedModels: options.datedModels ?? false,
    apiKeys: options.apiKeys,
    stored,
    script(request) {
      const said = scripted.shift() ?? options.answer?.(request)
      return typeof said === 'string' ? { text: said } : said
    },
  }

  const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (req, res) => {
    handle(req, res).catch((error: unknown) => {
      if (!res.headersSent && !res.destroyed) refuse(res, { status: 500, message: String(error) })
      else breakOff(res, 'cut')
    })
  })

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const request = await read(req, res)
    const nth = requests.push(request)
    const fault = takeFault(request)
    if (options.latencyMs) await wait(options.latencyMs)
    if (fault?.type === 'latency') await wait(fault.ms)
    if (fault?.type === 'reset' && fault.after !== 'headers') return breakOff(res, 'reset')
    if (fault?.type === 'hang' && fault.after !== 'headers') return await gone(res)
    decorate(res, `${request.text.length}${request.path}${nth}`)
    if (fault?.type === 'status') return refuse(res, fault)
    const reply = answerTo(request, desk)
    if ('problem' in reply) return refuse(res, reply.problem)
    if ('whole' in reply) return await deliverWhole(res, JSON.stringify(reply.whole), fault)
    await deliverStream(res, reply.chunks, fault, pace, (message, at) =>
      errorEvent(request.path, message, at),
    )
  }

  function takeFault(request: FakeRequest): Fault | undefined {
    const found = faults.find(({ left, when }) => left > 0 && matches(request, when))
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
    count: (filter = {}) => requests.filter((request) => matches(request, filter)).length,
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

function decorate(res: ServerResponse, seed: string): void {
  res.setHeader('x-request-id', idOf('req_', seed))
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

function refuse(res: ServerResponse, problem: Problem): void {
  const retryAfter = problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }
  res.writeHead(problem.status, { 'content-type': 'application/json', ...retryAfter, ...problem.headers })
  res.end(JSON.stringify(errorBody(problem)))
}
