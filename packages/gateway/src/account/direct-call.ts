import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import type { Recorder } from './recorder.ts'
import { costFor } from './stage.ts'

/** When a call left and when its answer began, by `performance.now()`. */
export type CallTimes = { startedAt: number; answeredAt: number }

/** Told of a call that nothing lay in the way of, and of what came back to its caller. */
export type RecordDirectCall = (call: Call, reply: Reply, times: CallTimes) => Promise<void>

/** Writes the record of a call that somebody else sent. */
export function createDirectCallRecorder(recorder: Recorder): RecordDirectCall {
  return async function witness(call, reply, { startedAt, answeredAt }) {
    recorder.begin(call.state)
    const { status } = reply.recording
    call.state.draft?.attempts.push({ model: call.model, status, latencyMs: answeredAt - startedAt })
    const ending = await reply.recording.ended
    const endedAt = performance.now()
    // Whoever gives up breaks what is read along, too; the SDK gives up, as well, on what broke by itself.
    const gaveUp = ending.type === 'failed' && isAbort(ending.error, call.signal)
    const seen = gaveUp ? ({ type: 'aborted', usage: ending.usage } as const) : ending
    const firstByte = status === undefined ? undefined : answeredAt
    recorder.end(call, reply, seen, await costFor(seen, reply, call), { left: false, firstByte, endedAt })
  }
}

const isAbort = (error: unknown, { aborted, reason }: AbortSignal) =>
  (error instanceof Error && error.name === 'AbortError') || (aborted && error === reason)
