import type { NanoUsd } from './money.ts'

/** Limits of a team. A missing limit does not apply. */
export type Limits = {
  rpm?: number
  tpm?: number
  tpmMode: 'expected' | 'strict'
  usdPerDay?: NanoUsd
  timezone: string
  /** Version of the policy they come from: where processes disagree, the highest version's limits apply. @default 0 */
  version?: number
  /** @default DEFAULT_WHILE_UNAVAILABLE */
  whileUnavailable?: WhileUnavailable
}

/** Limits of a process that cannot reach the shared Redis. */
export type WhileUnavailable = {
  /** Requests and tokens. `local`: each process uses its share of the limit. `reject`: every call is refused. */
  rates: 'local' | 'reject'
  /** `local`: each process spends the amount granted while Redis was available. `reject`: it spends nothing. */
  dollars: 'local' | 'reject'
  /**
   * Share of each limit, 0 to 1, that Redis lends to all processes together for an outage. No other process can use a
   * lent share until it is returned.
   */
  leased: number
  /** Dollars of the day reserved for all processes together that were never granted any. */
  allowance: NanoUsd
  /**
   * Share of requests and tokens, 0 to 1, reserved for all processes together that hold no lease: they use it in the
   * first minute of an outage, in which others may have used the rest. `undefined`: nothing is reserved, and each of
   * them may make one request.
   */
  allowanceOfRates: number | undefined
}

export const DEFAULT_WHILE_UNAVAILABLE: WhileUnavailable = {
  rates: 'local',
  dollars: 'local',
  leased: 0.05,
  allowance: 0 as NanoUsd,
  allowanceOfRates: undefined,
}

/** Fields of the limits, of a team in the policy and of `Limits`. */
export const LIMIT_FIELDS = ['rpm', 'tpm', 'usdPerDay'] as const
export type LimitField = (typeof LIMIT_FIELDS)[number]

/** Returns whether any limit applies. */
export const isLimited = (team: { [field in LimitField]?: number }): boolean =>
  LIMIT_FIELDS.some((field) => team[field] !== undefined)

/** Names of the limits; `quota/limits.ts` has a row for each. */
export type LimitName = 'rpm' | 'tpm' | 'daily_usd'
