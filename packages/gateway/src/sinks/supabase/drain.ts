import { backoffMs } from '../../util/backoff.ts'
import { attempt, type Fault } from '../../util/faults.ts'
import { clearTimer, setTimer, signalAfter } from '../../util/timers.ts'
import { exitPauseMs, resumeDeliveries, watchedForExit } from '../exit-flush.ts'
import { DeliveryError } from '../sink.ts'
import type { Row } from './row.ts'
import type { Spill } from './spill.ts'
import type { Table } from './table.ts'

/** After rows, more are likely; while there are none, one look costs one command. */
const POLL = { min: 1_000, max: 30_000 }
/** Well within the lease. */
const TURN_MS = 5_000

export type Drain = {
  /** Rows that this process has delivered for others, or for itself later. */
  counts: { delivered: number; rejected: number }
  /** There is something to look for. */
  pollSoon: () => void
  close: () => void
}

/**
 * Delivers what any process has put by: first to the table, then out of the stream. Who dies in between leaves a row in
 * both, and the table takes it only once. Its timers keep no program alive.
 */
export function createDrain(
  spill: Spill,
  table: Table,
  warn: (trouble: string) => void,
  fault: Fault,
): Drain {
  const counts = { delivered: 0, rejected: 0 }
  /** Polls in a row without a row, plus 1: the back-off counts attempts from 1. */
  let quietPolls = 1
  let timer: NodeJS.Timeout | undefined
  let isPolling = false
  let closed = false
  schedule()

  function schedule() {
    if (closed || isPolling) return
    clearTimer(timer)
    const least = exitPauseMs()
    const due = () => {
      if (exitPauseMs() > least) return schedule()
      resumeDeliveries()
      return poll()
    }
    const ms = Math.max(backoffMs(quietPolls, POLL), least)
    timer = setTimer(attempt, ms, due, fault, 'the drain of Supabase', schedule).unref()
  }

  async function poll() {
    isPolling = true
    try {
      const found = table.isUnavailable() || (await watchedForExit(drainOnce))
      // Rows may wait while another process is at them, which may have died of it.
      quietPolls = found || spill.waiting() > 0 ? 1 : quietPolls + 1
    } catch (error) {
      // Redis says for itself that it is away; the table does not.
      if (error instanceof DeliveryError) {
        warn(error.message)
        await spill.leave().catch(() => undefined)
      }
      quietPolls += 1
    } finally {
      isPolling = false
      schedule()
    }
  }

  /** True: there were rows. */
  async function drainOnce(): Promise<boolean> {
    let delivered: string[] = []
    for (let rounds = 0; ; rounds += 1) {
      const waiting = await spill.take(delivered)
      if (closed || waiting.length === 0) return rounds > 0
      const rows = waiting.flatMap(({ row }) => row ?? [])
      const { rejected, unwritten, reason } = await table.write(rows, signalAfter(TURN_MS))
      if (reason !== undefined) warn(reason)
      const open = new Set<Row | undefined>(unwritten)
      delivered = waiting.filter(({ row }) => row === undefined || !open.has(row)).map(({ id }) => id)
      const broken = waiting.length - rows.length
      counts.rejected += rejected.length + broken
      counts.delivered += rows.length - rejected.length - unwritten.length
    }
  }

  return {
    counts,
    pollSoon() {
      // What is about to happen must not be put off by every row.
      if (quietPolls === 1) return
      quietPolls = 1
      schedule()
    },
    close() {
      closed = true
      clearTimer(timer)
    },
  }
}
