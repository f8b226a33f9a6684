import { attempt, type Fault } from '../../util/faults.ts'
import { clearTimer, setTimer, signalAfter } from '../../util/timers.ts'
import { goesOn, pauseMs, whileAlive } from '../exit-flush.ts'
import { DeliveryError } from '../sink.ts'
import type { Row } from './row.ts'
import type { Spill } from './spill.ts'
import type { Table } from './table.ts'

/** After rows, more are likely; while there are none, one look costs one command. */
const LOOK_MIN_MS = 1_000
const LOOK_MAX_MS = 30_000
/** Well within the lease. */
const TURN_MS = 5_000

export type Drain = {
  /** Rows that this process has delivered for others, or for itself later. */
  counts: { delivered: number; refused: number }
  /** There is something to look for. */
  soon: () => void
  close: () => void
}

/**
 * Delivers what any process has put by: first to the table, then out of the stream. Who dies in between leaves a row in
 * both, and the table takes it only once. Its timers keep no program alive.
 */
export function createDrain(spill: Spill, table: Table, say: (trouble: string) => void, fault: Fault): Drain {
  const counts = { delivered: 0, refused: 0 }
  let pause = LOOK_MIN_MS
  let timer: NodeJS.Timeout | undefined
  let turning = false
  let closed = false
  schedule()

  function schedule() {
    if (closed || turning) return
    clearTimer(timer)
    const least = pauseMs()
    const due = () => {
      if (pauseMs() > least) return schedule()
      goesOn()
      return look()
    }
    const ms = Math.max(pause * (0.5 + Math.random() / 2), least)
    timer = setTimer(attempt, ms, due, fault, 'the drain of Supabase', schedule).unref()
  }

  async function look() {
    turning = true
    try {
      const found = table.isAway() || (await whileAlive(turn))
      // Rows may wait while another process is at them, which may have died of it.
      pause = found || spill.waiting() > 0 ? LOOK_MIN_MS : Math.min(LOOK_MAX_MS, pause * 2)
    } catch (error) {
      // Redis says for itself that it is away; the table does not.
      if (error instanceof DeliveryError) {
        say(error.message)
        await spill.leave().catch(() => undefined)
      }
      pause = Math.min(LOOK_MAX_MS, pause * 2)
    } finally {
      turning = false
      schedule()
    }
  }

  /** True: there were rows. */
  async function turn(): Promise<boolean> {
    let delivered: string[] = []
    for (let rounds = 0; ; rounds += 1) {
      const waiting = await spill.take(delivered)
      if (closed || waiting.length === 0) return rounds > 0
      const rows = waiting.flatMap(({ row }) => row ?? [])
      const { refused, left, trouble } = await table.write(rows, signalAfter(TURN_MS))
      if (trouble !== undefined) say(trouble)
      const unwritten = new Set<Row | undefined>(left)
      delivered = waiting.filter(({ row }) => row === undefined || !unwritten.has(row)).map(({ id }) => id)
      const broken = waiting.length - rows.length
      counts.refused += refused.length + broken
      counts.delivered += rows.length - refused.length - left.length
    }
  }

  return {
    counts,
    soon() {
      // What is about to happen must not be put off by every row.
      if (pause === LOOK_MIN_MS) return
      pause = LOOK_MIN_MS
      schedule()
    },
    close() {
      closed = true
      clearTimer(timer)
    },
  }
}
