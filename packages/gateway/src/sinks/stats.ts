import { counted } from '../util/counted.ts'
import type { SpillStats } from './sink.ts'

/**
 * State and counters of one sink. Every report counts in exactly one of `delivered`, `spilled`, `rejected`, `dropped`
 * and `queued`.
 */
export type SinkStats = {
  /**
   * `failing`: the last delivery failed. `down`: four or more failed in a row, and it is tried only after a back-off.
   */
  state: 'up' | 'failing' | 'down' | 'closed'
  delivered: number
  /** Stored elsewhere, from where another process delivers them. */
  spilled: number
  /** Never to be accepted by the receiver. */
  rejected: number
  /** Lost: the queue was full, the program ended first, or a fault occurred. */
  dropped: number
  /** Of `dropped`: sent without an answer, so the receiver may hold them. */
  unconfirmed: number
  /** Waiting, or being delivered. */
  queued: number
  /** Deliveries that failed as a whole. */
  failures: number
  /** Last error. Holds no key. */
  lastError?: string
  /** Counts of spilled records. Absent if the sink does not spill. */
  spill?: SpillStats
}

export const newStats = (): SinkStats => ({
  state: 'up',
  delivered: 0,
  spilled: 0,
  rejected: 0,
  dropped: 0,
  unconfirmed: 0,
  queued: 0,
  failures: 0,
})

/** Describes losses for the log. */
export function lossOf({ dropped, unconfirmed, lastError }: SinkStats, why: string): string {
  const fewer =
    unconfirmed > 0
      ? `, or ${dropped - unconfirmed} if the ${unconfirmed} that were sent without an answer arrived`
      : ''
  return `${counted(dropped, 'call')} will be missing${fewer}: ${why}${lastError ? ` (${lastError})` : ''}`
}
