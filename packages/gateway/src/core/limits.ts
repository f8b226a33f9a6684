import type { NanoUsd } from './money.ts'

/** What a team may use. A missing limit does not bind. */
export type Limits = {
  rpm?: number
  tpm?: number
  tpmMode: 'expected' | 'strict'
  usdPerDay?: NanoUsd
  timezone: string
  /** Of the policy they come from: where processes disagree, the highest version's limits bind. @default 0 */
  version?: number
  /** @default AWAY */
  away?: WhileUnavailable
}

/** What holds while a process cannot reach the Redis that all share. */
export type WhileUnavailable = {
  /** Requests and tokens. `share`: each process goes on with its part of them. `refuse`: every call is refused. */
  rates: 'share' | 'refuse'
  /** `share`: each process spends what it was granted while Redis was there. `refuse`: it spends nothing. */
  dollars: 'share' | 'refuse'
  /**
   * The part of each limit, 0 to 1, that Redis lends to processes in case that they lose it, all together. Until it is
   * given back, no other process can use it.
   */
  leased: number
  /** Dollars of the day set apart for all processes together that were never granted any. */
  allowance: NanoUsd
}

export const DEFAULT_WHILE_UNAVAILABLE: WhileUnavailable = {
  rates: 'share',
  dollars: 'share',
  leased: 0.05,
  allowance: 0 as NanoUsd,
}

export type LimitName = 'rpm' | 'tpm' | 'daily_usd'
