import { attempt, type Fault } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { DeliveryError } from './sink.ts'

/** Limits one delivery to a sink in time. */
export type Deadline = {
  signal: AbortSignal
  /** Whether the time has passed, and not only `abort` was called. */
  isOver: () => boolean
  /** Aborts the delivery early: the sink may have taken it or not. */
  abort: (why: string) => void
  end: () => void
}

/** Starts a deadline of `ms` milliseconds, whose timer does not keep the process alive. */
export function startDeadline(ms: number, sinkName: string, fault: Fault): Deadline {
  const controller = new AbortController()
  let isOver = false
  const abort = (why: string) => controller.abort(new DeliveryError(why, { unsure: true }))
  const expire = () => {
    isOver = true
    abort(`no answer within ${ms} ms`)
  }
  const timeout = setTimer(attempt, ms, expire, fault, sinkName, expire).unref()
  return { signal: controller.signal, isOver: () => isOver, abort, end: () => clearTimer(timeout) }
}
