import type { Capture } from '../core/policy.ts'
import { attempt, type Fault } from '../util/faults.ts'
import { setSoon } from '../util/timers.ts'
import type { PendingListener } from './queued-report.ts'
import type { ReportSource } from './report.ts'

type Parts = PendingListener & {
  fault: Fault
  render: (source: ReportSource, capture: Capture) => void
  /** Called after `render` failed for a call. */
  onFailure: () => void
}

/** Calls held before rendering; each may hold an answer of 8 MiB. */
const MAX_WAITING = 16
/** Milliseconds of one event-loop turn spent on rendering. */
const TURN_MS = 5

/**
 * Renders reports one by one after the caller has its answer, so that queues hold finished reports and neither
 * requests nor answers.
 */
export function createRendering({ fault, onPending, onEmpty, render, onFailure }: Parts) {
  let waiting: [source: ReportSource, capture: Capture][] = []
  let isScheduled = false

  function turn() {
    isScheduled = false
    const until = performance.now() + TURN_MS
    while (waiting.length > 0 && performance.now() < until) next()
    if (waiting.length > 0) schedule()
  }

  function next() {
    const [first, ...rest] = waiting
    waiting = rest
    if (first !== undefined) attempt(render.bind(undefined, ...first), fault, 'a report', onFailure)
    if (waiting.length === 0) onEmpty()
  }

  function schedule() {
    if (isScheduled) return
    isScheduled = true
    setSoon(attempt, turn, fault, 'a report')
  }

  return {
    /** Holds a call last: after a throw it is not held. */
    add(source: ReportSource, capture: Capture) {
      if (waiting.length === 0) onPending()
      schedule()
      if (waiting.length >= MAX_WAITING) next()
      waiting.push([source, capture])
    },
    /** Renders all waiting calls now. */
    run() {
      while (waiting.length > 0) next()
    },
  }
}
