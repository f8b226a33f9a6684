import type { Mask } from '../mask.ts'
import type { Capture } from '../policy/policy.ts'
import type { Say } from '../say.ts'
import { holdExit, letExit } from './drain.ts'
import { createOutbox, type SinkStats } from './outbox.ts'
import { pendingReport, type Told } from './report.ts'
import type { Sink } from './sink.ts'

export type SinksOptions = {
  mask: Mask | undefined
  /** Reports each sink may have waiting, and bytes they may hold on to, about. */
  maxReports: number
  maxBytes: number
  say: Say
}

/** Everywhere the records of this gateway go, each at its own pace. */
export function createSinks(sinks: Sink[], { mask, maxReports, maxBytes, say }: SinksOptions) {
  const holding = new Set<string>()
  /** Delivers what waits; false: some of it could not be delivered now. */
  const drain = async (which: (sink: Sink) => boolean, giveUp?: AbortSignal) => {
    const due = outboxes.filter((_, at) => which(sinks[at] as Sink))
    const drained = await Promise.all(due.map((outbox) => outbox.drain(giveUp)))
    return drained.every(Boolean)
  }
  const lastWords = (giveUp: AbortSignal) => drain(() => true, giveUp)
  const outboxes = sinks.map((sink, at) =>
    createOutbox(sink, {
      maxReports,
      maxBytes,
      say,
      holding(holds) {
        if (holds) holding.add(`${at}`)
        else holding.delete(`${at}`)
        if (holding.size > 0) holdExit(lastWords)
        else letExit(lastWords)
      },
    }),
  )

  return {
    /** Takes a reference to the call, and no time. */
    receive(told: Told, capture: Capture) {
      if (outboxes.length === 0) return
      const whole = pendingReport(told, capture, mask)
      const bare = pendingReport({ record: told.record }, 'off', mask)
      for (const [at, outbox] of outboxes.entries())
        outbox.add({ ...(sinks[at]?.content === false ? bare : whole) })
    },
    drain: (which: (sink: Sink) => boolean) => drain(which),
    async close() {
      await Promise.all(outboxes.map((outbox) => outbox.close()))
    },
    stats: (): Record<string, SinkStats> =>
      Object.fromEntries(outboxes.map((outbox) => [outbox.name, outbox.stats()])),
  }
}
