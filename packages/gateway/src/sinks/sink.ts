import type { Json } from '../core/json.ts'
import type { CallRecord } from '../core/record.ts'

/** Question and answer of a call, as far as the agent's `capture` allows. Already masked; never holds a key. */
export type Content = {
  /** `messages`, `input` or `prompt` of the request. */
  input: Json
  /** Tools of the request, without credentials of hosted tools. Absent if there were none. */
  tools?: Json
  /** Message, output items or text of the answer. Absent for an incomplete answer, and for embeddings. */
  output?: Json
}

/** One finished call, masked, as given to every sink. */
export type Report = {
  record: CallRecord
  /** Scalar request parameters, e.g. `temperature`, `max_tokens`, `reasoning_effort`. */
  parameters: Record<string, string | number | boolean>
  /** Absent if the agent's `capture` is `off`. */
  content?: Content
}

/** Result of a batch. Reports that it does not mention were delivered. */
export type Delivery = {
  /** Reports to retry, in this order. */
  retry?: Report[]
  /** Those of `retry` that were sent without an answer: the receiver may hold them. */
  unsure?: Report[]
  /** Number of reports that the receiver will never accept. */
  rejected?: number
  /** Number of reports stored elsewhere, from where another process will deliver them. */
  spilled?: number
  /** Why reports were not delivered. Must not contain a key. */
  reason?: string
}

/** Spilled records of all processes. */
export type SpillStats = {
  /** Records waiting there, as last seen. */
  waiting: number
  /** Records that this process delivered from there, for any process. Absent if it delivers none. */
  delivered?: number
  /** Records found there that the receiver will never accept. */
  rejected?: number
}

/** A destination of records. Gets batches one at a time, never during a caller's wait. */
export type Sink = {
  /** Name in `stats().sinks` and in log lines. */
  name: string
  /**
   * `false`: reports without content, so that content is not kept, masked and serialised for this sink. @default true
   */
  content?: boolean
  /** Most reports of one delivery. @default 100 */
  batch?: number
  /**
   * Reports of the first delivery, for a receiver whose time grows with each report. Later deliveries carry as many as
   * it answers within a fifth of the deadline. @default `batch`; fewer only after a timeout
   */
  start?: number
  /** Delivers at its own interval: `flush()` skips it, `close()` and the exit flush do not. */
  periodic?: boolean
  /** Milliseconds a report waits for others to share its delivery. @default 1000 */
  lingerMs?: number
  /** Milliseconds before a delivery is aborted. Grows up to a minute after slow or aborted deliveries. @default 5000 */
  deadlineMs?: number
  /**
   * Delivers a batch. Must stop once `signal` aborts; a result returned right then still counts. Must be idempotent:
   * after an aborted delivery the same report may be given again.
   * @throws DeliveryError if the receiver accepts nothing at the moment: the batch is kept and retried while it fits
   * into the queue. Any other error is blamed on a report: they are retried one by one, and rejected after three
   * failures.
   */
  deliver: (reports: readonly Report[], signal: AbortSignal) => Promise<Delivery | undefined>
  /** Returns counts of the spilled records, for `stats().sinks`. */
  spill?: () => SpillStats
  /** Releases connections; nothing is delivered afterwards. */
  close?: () => void | Promise<void>
}

type Circumstances = { retryAfterMs?: number | undefined; unsure?: boolean; cause?: unknown }

/** A delivery that failed as a whole. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  /** Milliseconds to wait, as requested by the receiver. `undefined` if it did not say. */
  readonly retryAfterMs: number | undefined
  /** The batch was sent without an answer: the receiver may hold it. */
  readonly unsure: boolean

  constructor(message: string, { retryAfterMs, unsure = false, cause }: Circumstances = {}) {
    super(message, { cause })
    this.retryAfterMs = retryAfterMs
    this.unsure = unsure
  }
}
