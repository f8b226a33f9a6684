import type { LimitName, Limits } from '../core/limits.ts'
import type { NanoUsd } from '../core/money.ts'

/** One attempt's claim, made before it reaches upstream. */
export type Reservation = {
  /** Repeating an id changes nothing and answers as the first time. */
  id: string
  team: string
  /** Learned expectations are kept per agent and model. */
  agent: string
  model: string
  limits: Limits
  /** Input tokens, as well as they are known. */
  inputTokens: number
  /** The most output tokens the call allows. */
  maxOutputTokens: number
  /** How many requests it counts as: none if the gateway makes it for a call that counts. @default 1 */
  requests?: 0 | 1
  /** The most the call can cost; held until it is settled. */
  worstCost: NanoUsd
  /** After this the hold becomes doubt: a crashed process locks nobody out, and no dollar is spent twice. */
  leaseMs: number
}

/** What is left after this reservation, for the `x-ratelimit-*` headers. Absent where no limit binds. */
export type Remaining = { requests?: number; tokens?: number; usd?: NanoUsd }

export type Bounds = Pick<Limits, 'rpm' | 'tpm' | 'usdPerDay'>

type Standing = {
  remaining: Remaining
  /** Milliseconds until the window is empty, if nobody else comes. */
  resetMs?: number
  /** What binds, where it is not what the reservation brought: a newer policy's limits, or this process's share. */
  bounds?: Bounds
  /** Decided by this process alone, because the store that all share is away. */
  degraded?: true
}

export type Verdict =
  | (Standing & { admitted: true })
  | (Standing & {
      admitted: false
      /** `unavailable`: nobody can tell, and the policy would rather refuse. */
      limit: LimitName | 'unavailable'
      /** The first moment at which it fits; `undefined`: it never will, it is larger than the limit itself. */
      retryAfterMs: number | undefined
    })

export type Settlement = {
  id: string
  team: string
  /** Tokens used, input and output. */
  tokens: number
  /** Output tokens as upstream counted them; `undefined` for estimates, from which nothing is learned. */
  learnOutputTokens: number | undefined
  cost: NanoUsd
  /** Dollars that may have been spent beyond `cost` without our seeing it: kept from others until the day ends. */
  unconfirmed: NanoUsd
}

const NOTHING = 0 as NanoUsd

/** What settles a reservation that nobody made use of. */
export const unused = ({ id, team }: Reservation): Settlement => ({
  id,
  team,
  tokens: 0,
  learnOutputTokens: undefined,
  cost: NOTHING,
  unconfirmed: NOTHING,
})

/** The port that the memory store and Redis implement. */
export type QuotaStore = {
  /** All or nothing across requests, tokens and dollars. */
  reserve: (reservation: Reservation) => Verdict | Promise<Verdict>
  /** Replaces the reservation by the truth. A repeated settlement changes nothing. */
  settle: (settlement: Settlement) => void | Promise<void>
}
