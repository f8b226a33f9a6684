import { backoffMs } from '../../util/backoff.ts'
import { isInstance } from '../../util/error-text.ts'
import { attempt, type Fault } from '../../util/faults.ts'
import { clearTimer, setTimer, signalAfter } from '../../util/timers.ts'
import { exitPauseMs, resumeDeliveries, watchedForExit } from '../exit-flush.ts'
import { DeliveryError } from '../sink.ts'
import type { Row } from './row.ts'
import type { Spill } from './spill.ts'
import type { Table } from './table.ts'

/** Milliseconds between polls: short after rows were found, since more are likely; an empty poll costs one command. */
const POLL = { min: 1_000, max: 30_000 }
/** Milliseconds of one round; well within the lease. */
const TURN_MS = 5_000

export type Drain = {
  /** Rows of any process that this process took from the stream and delivered, or that were rejected. */
  counts: { delivered: number; rejected: number }
  /** Shortens the wait for the next poll: rows are there. */
  pollSoon: () => void
  close: () => void
}

/**
 * Delivers spilled rows of all processes: writes them to the table, then deletes them from the stream. After a crash
 * in between a row is in both, and the table ignores the duplicate. Its timers do not keep the process alive.
 */
export function createDrain(
  spill: Spill,
  table: Table,
  warn: (message: string) => void,
  fault: Fault,
): Drain {
  const counts = { delivered: 0, rejected: 0 }
  /** Empty polls in a row, plus 1: the back-off counts attempts from 1. */
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
      // Another process may hold the lease, and may have died with it: then rows wait.
      quietPolls = found || spill.waiting() > 0 ? 1 : quietPolls + 1
    } catch (error) {
      // A Redis failure is logged by its connection; a failure of the table is not.
      if (isInstance(error, DeliveryError)) {
        warn(error.message)
        await spill.leave().catch(() => undefined)
      }
      quietPolls += 1
    } finally {
      isPolling = false
      schedule()
    }
  }

  /** Resolves `true` if rows were found. */
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
      // A poll due soon must not be delayed by every new row.
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
