import type { Answer } from '../core/answer.ts'
import type { Fault } from './faults.ts'
import type { FakeFilter, FakeRequest } from './request.ts'

export type FakeOptions = {
  /** @default 0, any free port */
  port?: number
  /** Milliseconds before every answer. @default 0 */
  latencyMs?: number
  /** Milliseconds after every chunk of a stream. @default 0 */
  chunkDelayMs?: number
  /** Without a delay, a stream's chunks leave in one write instead of one each. @default false */
  coalesceWrites?: boolean
  /** What the model says where `upstream.answer` has said nothing; `undefined` leaves it to the fake. A plain string is a text. */
  answer?: (request: FakeRequest) => Answer | string | undefined
  /** `exact` counts tokens as OpenAI does and loads a tokeniser; `approximate` takes four characters for one. @default 'exact' */
  tokens?: 'exact' | 'approximate'
  /** The only keys that are accepted; others get a 401. @default any key */
  apiKeys?: string[]
  /** What GET /v1/models lists. Others still answer. */
  models?: string[]
  /** Answers name the snapshot, as OpenAI's do: `gpt-4o-2024-08-06` for `gpt-4o`. @default false, the model as asked */
  datedModels?: boolean
}

export type FakeOpenAI = AsyncDisposable & {
  /** For `new OpenAI({ baseURL })`: `http://127.0.0.1:PORT/v1`. */
  baseURL: string
  port: number
  /** Everything that reached it, in order. */
  requests: FakeRequest[]
  /** How many requests reached it. */
  count: (filter?: FakeFilter) => number
  /**
   * Something goes wrong with the next request, or the next `times`, that `when` accepts. Faults queue: a request meets
   * the first one that accepts it and is not used up. `times` may be `Infinity`. @default { times: 1 }
   */
  fail: (fault: Fault, options?: { times?: number; when?: FakeFilter }) => void
  /** The model says this next: one answer a request for chat, a Response or a completion. Comes before the `answer` option. */
  answer: (...answers: (Answer | string)[]) => void
  /** Forgets requests, faults, scripted answers and stored Responses. */
  reset: () => void
  /** Breaks every connection, frees the port and resolves when that is done. May be called twice. */
  close: () => Promise<void>
}
