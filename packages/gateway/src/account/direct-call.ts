import type { Call } from '../core/call.ts'
import { isAbortError } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import type { Recorder } from './recorder.ts'
import { costFor } from './stage.ts'

/** When the call left and when its answer began, by `performance.now()`. */
export type CallTimes = { startedAt: number; answeredAt: number }

/** Records a call that bypassed the pipeline, with its reply. */
export type RecordDirectCall = (call: Call, reply: Reply, times: CallTimes) => Promise<void>

/** Creates the recorder of calls that the gateway observed but did not send. */
export function createDirectCallRecorder(recorder: Recorder): RecordDirectCall {
  return async function witness(call, reply, { startedAt, answeredAt }) {
    recorder.begin(call.state)
    const { status } = reply.recording
    call.state.draft?.attempts.push({ model: call.model, status, latencyMs: answeredAt - startedAt })
    const ending = await reply.recording.ended
    const endedAt = performance.now()
    // An abort by the caller also breaks the observed copy. The SDK aborts as well after the body failed by itself.
    const isAborted = ending.type === 'failed' && isAbort(ending.error, call.signal)
    const observed = isAborted ? ({ type: 'aborted', usage: ending.usage } as const) : ending
    const firstByte = status === undefined ? undefined : answeredAt
    recorder.end(call, reply, observed, await costFor(observed, reply, call), {
      left: false,
      firstByte,
      endedAt,
    })
  }
}

const isAbort = (error: unknown, { aborted, reason }: AbortSignal) =>
  isAbortError(error) || (aborted && error === reason)
