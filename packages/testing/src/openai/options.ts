import type { Answer } from '../core/answer.ts'
import type { Fault } from './faults.ts'
import type { FakeRequest, FakeRequestFilter } from './request.ts'

/** Options of `startFakeOpenAI`. */
export type FakeOpenAIOptions = {
  /** TCP port on loopback. @default 0, any free port */
  port?: number
  /** Milliseconds before every answer. @default 0 */
  latencyMs?: number
  /** Milliseconds after every chunk of a stream. @default 0 */
  chunkDelayMs?: number
  /** Sends all chunks of a stream in one write where there is no delay between them. @default false */
  coalesceWrites?: boolean
  /** Scripts the answers for which `upstream.answer` holds none. A string is a text; `undefined`: the answer is generated. */
  answer?: (request: FakeRequest) => Answer | string | undefined
  /** `exact` counts tokens with OpenAI's tokeniser; `approximate` takes four characters for one. @default 'exact' */
  tokens?: 'exact' | 'approximate'
  /** Keys that are accepted; others get a 401. @default any key */
  apiKeys?: string[]
  /** Models that GET /v1/models lists; others still answer. @default six models of OpenAI */
  models?: string[]
  /** Names snapshots in answers, as OpenAI does: `gpt-4o-2024-08-06` for `gpt-4o`. @default false, the requested name */
  datedModels?: boolean
}

/** A running fake OpenAI. `await using` closes it. */
export type FakeOpenAI = AsyncDisposable & {
  /** Base URL for `new OpenAI({ baseURL })`: `http://127.0.0.1:PORT/v1`. */
  baseURL: string
  port: number
  /** All requests received, in order. */
  requests: FakeRequest[]
  /** Counts the requests received that match the filter. */
  count: (filter?: FakeRequestFilter) => number
  /**
   * Injects a fault into the next request, or the next `times`, that match `when`. Faults queue: a request gets the first
   * that matches it and is not used up. `times` may be `Infinity`. @default { times: 1 }
   *
   * @example upstream.fail({ type: 'status', status: 503 }, { times: 2, when: { model: 'gpt-4o' } })
   */
  fail: (fault: Fault, options?: { times?: number; when?: FakeRequestFilter }) => void
  /** Scripts the next answers of chat, Responses and completions, one a request. Takes precedence over the `answer` option. */
  answer: (...answers: (Answer | string)[]) => void
  /** Deletes all requests, faults, scripted answers and stored Responses. */
  reset: () => void
  /** Closes all connections and the port. Resolves once the port is free. May be called again. */
  close: () => Promise<void>
}
