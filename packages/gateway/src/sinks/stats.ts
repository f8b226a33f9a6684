import type { SpillStats } from './sink.ts'

/** How one sink is doing. Every report is counted in exactly one of `delivered`, `spilled`, `refused`, `dropped` and `queued`. */
export type SinkStats = {
  /** `down`: it failed several times in a row, and is only probed now and then. */
  state: 'up' | 'failing' | 'down' | 'closed'
  delivered: number
  /** Put by elsewhere, where another process delivers it from. */
  spilled: number
  /** Never going to be taken by the receiver. */
  rejected: number
  /** Given up: the queue was full, the program ended before they could be delivered, or a fault spoilt them. */
  dropped: number
  /** Of `dropped`: sent without an answer, so that the receiver may hold them all the same. */
  unconfirmed: number
  /** Waiting, or on their way. */
  queued: number
  /** Deliveries that failed as a whole. */
  failures: number
  /** The last trouble, in words that hold no key. */
  lastError?: string
  /** Where `spilled` records wait; absent where there is no such place. */
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

/** What is lost, in words for the log. */
export function lossOf({ dropped, unconfirmed, lastError: trouble }: SinkStats, why: string): string {
  const fewer =
    unconfirmed > 0
      ? `, or ${dropped - unconfirmed} if the ${unconfirmed} that were sent without an answer arrived`
      : ''
  return `${dropped} calls will be missing${fewer}: ${why}${trouble ? ` (${trouble})` : ''}`
}
