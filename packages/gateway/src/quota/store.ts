import type { NanoUsd } from '../core/money.ts'
import type { LimitField, LimitName, Limits } from '../core/team-limits.ts'

/** Claim of one attempt on its team's limits, made before the attempt is sent. */
export type Reservation = {
  /** Idempotency key: a repeated id changes nothing and gets the first verdict again. */
  id: string
  team: string
  /** Expected output tokens are kept per agent and model. */
  agent: string
  model: string
  limits: Limits
  /** Input tokens: an upper bound in `strict` mode, else an estimate. */
  inputTokens: number
  /** Maximum output tokens of the call. */
  maxOutputTokens: number
  /** Number of requests that it counts as: 0 if the gateway makes it for a call that counts. @default 1 */
  requests?: 0 | 1
  /** Upper bound of the cost, in billionths of a dollar; held until it is settled. */
  worstCost: NanoUsd
  /** Milliseconds after which an unsettled hold becomes unconfirmed spend: the process may have crashed after spending. */
  leaseMs: number
}

/** Rest of the limits after this reservation, for the `x-ratelimit-*` headers. Members without a limit are absent. */
export type Remaining = { requests?: number; tokens?: number; usd?: NanoUsd }

export type Bounds = Pick<Limits, LimitField>

type Standing = {
  remaining: Remaining
  /** Milliseconds until the window is empty, if no further call is admitted. */
  resetMs?: number
  /** Limits that were applied, if not those of the reservation: a newer policy's limits, or this process's share. */
  bounds?: Bounds
  /** Set if this process decided alone, because the shared store is unreachable. */
  degraded?: true
}

export type Verdict =
  | (Standing & { admitted: true })
  | (Standing & {
      admitted: false
      /**
       * Limit that refuses it. `unavailable`: the store is unreachable, and the policy forbids a local decision. `closed`: the
       * client has given its part of all limits back.
       */
      limit: LimitName | 'unavailable' | 'closed'
      /** Milliseconds until the call may fit; `undefined` if it never will, because it exceeds the whole limit. */
      retryAfterMs: number | undefined
    })

export type Settlement = {
  id: string
  team: string
  /** Tokens used, input and output. */
  tokens: number
  /** Output tokens that upstream counted, to learn from; `undefined` for estimates. */
  learnOutputTokens: number | undefined
  cost: NanoUsd
  /** Billionths of a dollar that may have been spent beyond `cost`; they count as used until the day ends. */
  unconfirmed: NanoUsd
}

const NOTHING = 0 as NanoUsd

/** Returns the settlement of a reservation that was not used. */
export const unused = ({ id, team }: Reservation): Settlement => ({
  id,
  team,
  tokens: 0,
  learnOutputTokens: undefined,
  cost: NOTHING,
  unconfirmed: NOTHING,
})

/** Port of quota stores, implemented in memory and in Redis. */
export type QuotaStore = {
  /** Reserves requests, tokens and dollars: all of them, or none. */
  reserve: (reservation: Reservation) => Verdict | Promise<Verdict>
  /** Replaces a reservation by the actual usage. A repeated settlement changes nothing. */
  settle: (settlement: Settlement) => void | Promise<void>
}
