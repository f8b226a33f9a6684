import type { Capture } from '../core/policy.ts'
import { attempt, type Fault } from '../util/faults.ts'
import { setSoon } from '../util/timers.ts'
import type { ReportSource } from './report.ts'

type Parts = {
  fault: Fault
  /** Told when something waits to be rendered, and when nothing does any more. */
  isPending: (is: boolean) => void
  render: (told: ReportSource, capture: Capture) => void
  /** Told of one that `render` failed for. */
  missed: () => void
}

/** Most calls held until their reports are made: each may hold an answer of 8 MiB. */
const MAX_WAITING = 16
/** Milliseconds of one turn of the event loop that rendering may take. */
const TURN_MS = 5

/**
 * Makes reports of calls one by one, after their answers have been handed over and before they wait for a receiver: a
 * queue then holds what will be sent, and no request and no answer.
 */
export function createRendering({ fault, isPending, render, missed }: Parts) {
  let waiting: [told: ReportSource, capture: Capture][] = []
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
    if (first !== undefined) attempt(render.bind(undefined, ...first), fault, 'a report', missed)
    if (waiting.length === 0) isPending(false)
  }

  function schedule() {
    if (isScheduled) return
    isScheduled = true
    setSoon(attempt, turn, fault, 'a report')
  }

  return {
    add(told: ReportSource, capture: Capture) {
      if (waiting.length === 0) isPending(true)
      waiting.push([told, capture])
      if (waiting.length > MAX_WAITING) next()
      schedule()
    },
    /** All that waits, now. */
    run() {
      while (waiting.length > 0) next()
    },
  }
}
