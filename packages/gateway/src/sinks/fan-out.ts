import type { LimitedLog } from '../core/log-codes.ts'
import type { Capture } from '../core/policy.ts'
import type { Fault } from '../util/faults.ts'
import type { Mask } from '../util/redact.ts'
import { registerExitFlush, resumeDeliveries, unregisterExitFlush } from './exit-flush.ts'
import { createSinkQueue } from './queue.ts'
import type { PendingListener } from './queued-report.ts'
import { createRendering } from './rendering.ts'
import { type Rendered, type ReportSource, render } from './report.ts'
import type { Sink } from './sink.ts'
import type { SinkStats } from './stats.ts'

export type SinksOptions = {
  mask: Mask | undefined
  /** Limits of each sink's queue: reports, and approximate bytes. */
  maxReports: number
  maxBytes: number
  warn: LimitedLog
  fault: Fault
}

/** Creates a queue for each sink, and renders each report once for all of them. */
export function createSinks(sinks: Sink[], { mask, maxReports, maxBytes, warn, fault }: SinksOptions) {
  const pending = new Set<string>()
  /** Delivers pending reports. Resolves `false` if some could not be delivered now. */
  const drain = async (which: (sink: Sink) => boolean, isLast: boolean, giveUp?: AbortSignal) => {
    rendering.run()
    const due = queues.filter((_, at) => which(sinks[at] as Sink))
    const drained = await Promise.all(due.map((queue) => queue.drain(isLast, giveUp)))
    return drained.every(Boolean)
  }
  const flushOnExit = (giveUp: AbortSignal) => drain(() => true, true, giveUp)
  /** Registers the exit flush while any queue, or the renderer, holds something. */
  const pendingListener = (name: string): PendingListener => ({
    onPending() {
      pending.add(name)
      registerExitFlush(flushOnExit)
    },
    onEmpty() {
      pending.delete(name)
      if (pending.size === 0) unregisterExitFlush(flushOnExit)
    },
  })
  const queues = sinks.map((sink, at) =>
    createSinkQueue(sink, {
      maxReports,
      maxBytes,
      warn,
      fault,
      ...pendingListener(`${at}`),
    }),
  )

  const rendering = createRendering({
    fault,
    ...pendingListener('rendering'),
    render(reported, capture) {
      const own = { own: mask, maxBytes: maxBytes / 4 }
      // Each form is built for the first sink that takes it: masking is most of what a record costs.
      let whole: Rendered | undefined
      let recordOnly: Rendered | undefined
      for (const [at, queue] of queues.entries()) {
        const isRecordOnly = sinks[at]?.content === false
        if (isRecordOnly) recordOnly ??= render({ record: reported.record }, { capture: 'off', ...own })
        else whole ??= render(reported, { capture, ...own })
        const { report, bytes } = (isRecordOnly ? recordOnly : whole) as Rendered
        queue.add({ report: () => report, bytes })
        added += 1
      }
      added = 0
    },
    onFailure() {
      for (const queue of queues.slice(added)) queue.missed()
      added = 0
    },
  })
  /** Queues that already have the report being rendered. */
  let added = 0
  /** Losses of each sink that were already reported to a caller. */
  const reported = queues.map(() => 0)

  /** @param before Losses of each sink that do not count; 0 where absent. */
  function watchLosses(which: (sink: Sink) => boolean, before: readonly number[]): () => boolean {
    return () => {
      let isAny = false
      for (const [at, queue] of queues.entries()) {
        if (!which(sinks[at] as Sink)) continue
        const losses = queue.losses()
        isAny ||= losses > (before[at] ?? 0)
        reported[at] = losses
      }
      return isAny
    }
  }

  return {
    /** Holds a reference to the call until its report is rendered. */
    receive(source: ReportSource, capture: Capture) {
      if (queues.length === 0) return
      try {
        resumeDeliveries()
        rendering.add(source, capture)
      } catch (error) {
        for (const queue of queues) queue.missed()
        throw error
      }
    },
    drain: (which: (sink: Sink) => boolean, isLast: boolean) => drain(which, isLast),
    /**
     * Starts to watch for losses not yet reported to a caller. The returned function tells whether there are any, and marks
     * them as reported; two overlapping watches both report them.
     */
    watchNewLosses: (which: (sink: Sink) => boolean) => watchLosses(which, [...reported]),
    /** The same for all losses since the start. */
    watchAllLosses: (which: (sink: Sink) => boolean) => watchLosses(which, []),
    async close() {
      rendering.run()
      await Promise.all(queues.map((queue) => queue.close()))
    },
    stats(): Record<string, SinkStats> {
      rendering.run()
      return Object.fromEntries(queues.map((queue) => [queue.name, queue.stats()]))
    },
  }
}
