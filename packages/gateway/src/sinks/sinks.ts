import type { Capture } from '../core/policy.ts'
import type { Fault } from '../util/faults.ts'
import type { Warn } from '../util/log.ts'
import type { Mask } from '../util/redact.ts'
import { goesOn, registerExitFlush, unregisterExitFlush } from './exit-flush.ts'
import { createSinkQueue } from './queue.ts'
import { createRendering } from './rendering.ts'
import { type ReportSource, render } from './report.ts'
import type { Sink } from './sink.ts'
import type { SinkStats } from './stats.ts'

export type SinksOptions = {
  mask: Mask | undefined
  /** Reports each sink may have waiting, and bytes they may hold on to, about. */
  maxReports: number
  maxBytes: number
  say: Warn
  fault: Fault
}

/** Everywhere the records of this gateway go, each at its own pace. */
export function createSinks(sinks: Sink[], { mask, maxReports, maxBytes, say, fault }: SinksOptions) {
  const holding = new Set<string>()
  /** Delivers what waits; false: some of it could not be delivered now. */
  const drain = async (which: (sink: Sink) => boolean, giveUp?: AbortSignal) => {
    rendering.run()
    const due = outboxes.filter((_, at) => which(sinks[at] as Sink))
    const drained = await Promise.all(due.map((outbox) => outbox.drain(giveUp)))
    return drained.every(Boolean)
  }
  const lastWords = (giveUp: AbortSignal) => drain(() => true, giveUp)
  /** The process does not end while any of them holds something. */
  const hold = (name: string) => (holds: boolean) => {
    if (holds) holding.add(name)
    else holding.delete(name)
    if (holding.size > 0) registerExitFlush(lastWords)
    else unregisterExitFlush(lastWords)
  }
  const outboxes = sinks.map((sink, at) =>
    createSinkQueue(sink, {
      maxReports,
      maxBytes,
      say,
      fault,
      holding: hold(`${at}`),
    }),
  )

  const rendering = createRendering({
    fault,
    isPending: hold('rendering'),
    render(told, capture) {
      const own = { own: mask, maxBytes: maxBytes / 4 }
      const whole = render(told, { capture, ...own })
      const bare = render({ record: told.record }, { capture: 'off', ...own })
      for (const [at, outbox] of outboxes.entries()) {
        const { report, bytes } = sinks[at]?.content === false ? bare : whole
        outbox.add({ report: () => report, bytes })
        added += 1
      }
      added = 0
    },
    missed() {
      for (const outbox of outboxes.slice(added)) outbox.missed()
      added = 0
    },
  })
  /** How many sinks have the report that is being made. */
  let added = 0
  /** Of each sink, the losses that a caller was told of. */
  const told = outboxes.map(() => 0)

  return {
    /** Takes a reference to the call for as long as it takes to hand over its answer. */
    receive(told: ReportSource, capture: Capture) {
      if (outboxes.length === 0) return
      goesOn()
      rendering.add(told, capture)
    },
    drain: (which: (sink: Sink) => boolean) => drain(which),
    /**
     * Begins to watch for losses that no caller was told of yet, or for all there ever were. The function returned says
     * whether there are any, and counts them as told; two that overlap both say so.
     */
    watchLosses(which: (sink: Sink) => boolean, ever: boolean): () => boolean {
      const before = ever ? [] : [...told]
      return () => {
        let isAny = false
        for (const [at, outbox] of outboxes.entries()) {
          if (!which(sinks[at] as Sink)) continue
          const losses = outbox.losses()
          isAny ||= losses > (before[at] ?? 0)
          told[at] = losses
        }
        return isAny
      }
    },
    async close() {
      rendering.run()
      await Promise.all(outboxes.map((outbox) => outbox.close()))
    },
    stats(): Record<string, SinkStats> {
      rendering.run()
      return Object.fromEntries(outboxes.map((outbox) => [outbox.name, outbox.stats()]))
    },
  }
}
