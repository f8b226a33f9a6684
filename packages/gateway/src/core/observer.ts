import type { Call } from './call.ts'
import type { CallState } from './call-state.ts'
import type { CallRecord } from './record.ts'
import type { Ending } from './recording.ts'

/** Receives what the gateway reports of its requests, for hooks and sinks. Its methods may throw: callers guard them. */
export type Observer = {
  /** Whether any hook or sink receives records. */
  listens: boolean
  /** Reports a call whose answer has ended. */
  call: (record: CallRecord, call: Call, ending: Ending) => void
  /** Reports a request that went to upstream directly. */
  passThrough: (record: CallRecord, state: CallState) => void
  /** Reports work that goes on after the caller has its answer; `flush` waits for it. */
  background: (work: Promise<void>) => void
}
