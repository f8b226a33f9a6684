import type { Json } from '../core/json.ts'
import type { CallRecord } from '../core/record.ts'

/** What was asked and answered, as far as the agent's capture lets it out. Masked already; never holds a key. */
export type Content = {
  /** `messages`, `input` or `prompt` of the request. */
  input: Json
  /** The tools it offered, credentials of hosted ones left out; absent when there were none. */
  tools?: Json
  /** The message, output items or text of the answer; absent when none came whole. Embeddings have no text. */
  output?: Json
}

/** One call, as every sink is told of it: after its end, masked. */
export type Report = {
  record: CallRecord
  /** Scalar parameters of the request: temperature, limits, effort, and the like. */
  parameters: Record<string, string | number | boolean>
  /** Absent where the agent's capture is off. */
  content?: Content
}

/** What became of a batch. Reports named nowhere have arrived. */
export type Delivery = {
  /** Worth another try, in this order. */
  retry?: Report[]
  /** Those of `again` that were sent without an answer: the receiver may hold them. */
  unsure?: Report[]
  /** So many will never be taken: what the receiver said they are is wrong. */
  rejected?: number
  /** So many were put by where another process will deliver them from. */
  spilled?: number
  /** Why any of them did not arrive, in words that hold no key. */
  reason?: string
}

/** Records put by, of all processes together. */
export type SpillStats = {
  /** Waiting there, as last seen. */
  waiting: number
  /** Those that this process has delivered from there, whoever had put them by; absent where it delivers none. */
  delivered?: number
  /** Those that it found there and that the receiver will never take. */
  rejected?: number
}

/** Somewhere records go. It is given batches, one at a time, never on a caller's time. */
export type Sink = {
  /** In `stats().sinks` and in log lines. */
  name: string
  /** `false`: it wants records alone, so that nobody has to keep, mask and parse what was asked and answered. @default true */
  content?: boolean
  /** The most reports one delivery takes. @default 100 */
  batch?: number
  /**
   * Reports of the first delivery, for a receiver that needs time for each of them. Later ones carry as many as it
   * answers within a fifth of the deadline. @default `batch`; fewer only after a delivery that was cut off
   */
  start?: number
  /** It has its own rhythm, and a delivery is an expense: `flush()` leaves it alone, `close()` and the end of the program do not. */
  periodic?: boolean
  /** Milliseconds a report waits at most for others to go with. @default 1000 */
  lingerMs?: number
  /**
   * Milliseconds one delivery may take before it is aborted. Up to a minute where those before it took long, or were
   * aborted. @default 5000
   */
  deadlineMs?: number
  /**
   * Must stop once `signal` aborts; what it resolves with right then still counts. May be given the same report twice, if the first delivery was cut off: what
   * it does twice must come to the same as once.
   * @throws DeliveryError when the receiver cannot take anything at the moment: the batch is kept, and tried again for
   * as long as it fits into the queue. Anything else is taken for a mistake in one of the reports: they are tried again
   * one by one, and after three times given up as refused.
   */
  deliver: (reports: readonly Report[], signal: AbortSignal) => Promise<Delivery | undefined>
  /** What lies where `spilled` records were put by; shown in `stats().sinks`. */
  spill?: () => SpillStats
  /** Lets go of connections; nothing is delivered afterwards. */
  close?: () => void | Promise<void>
}

type Circumstances = { retryAfterMs?: number | undefined; unsure?: boolean; cause?: unknown }

/** A delivery that failed as a whole. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  /** Milliseconds the receiver asked us to wait. */
  readonly retryAfterMs: number | undefined
  /** It was sent, and no answer says what became of it: the receiver may hold it. */
  readonly unsure: boolean

  constructor(message: string, { retryAfterMs, unsure = false, cause }: Circumstances = {}) {
    super(message, { cause })
    this.retryAfterMs = retryAfterMs
    this.unsure = unsure
  }
}
