import type { RefusalCode } from '../core/refusal-codes.ts'
import type { LimitField, LimitName } from '../core/team-limits.ts'
import { counted } from '../util/counted.ts'
import type { Remaining } from './store.ts'

/** Everything about one limit of a team but how a store counts it. */
export type Limit = {
  /** Name in verdicts, in the Redis scripts, and in the header `x-gateway-limit` of a refusal. */
  name: LimitName
  /** Field of a team in the policy, and of `Limits`. Absent there: the limit does not apply. */
  field: LimitField
  /** Code of its refusals. */
  code: RefusalCode
  /** What it counts; `usd`: billionths of a dollar. */
  unit: keyof Remaining
  /** `minute`: any span of 60 seconds. `day`: a calendar day in the policy's time zone. */
  window: 'minute' | 'day'
  /** Whether a settlement gives back what a call did not use. */
  isGivenBack: boolean
  /** Sets OpenAI's headers for it; `undefined`: OpenAI has none. */
  setHeaders:
    | ((to: Record<string, string>, bound: string, remaining: string, reset: string) => void)
    | undefined
  /** Words for a bound of this size, in messages. */
  words: (bound: number) => string
}

/** The limits of a team. A new one also needs its count in each store: `memory.ts`, and `redis/reserve.lua`. */
export const LIMITS: Readonly<Record<LimitName, Limit>> = {
  rpm: {
    name: 'rpm',
    field: 'rpm',
    code: 'gateway_rpm_exceeded',
    unit: 'requests',
    window: 'minute',
    isGivenBack: false,
    setHeaders(to, bound, remaining, reset) {
      to['x-ratelimit-limit-requests'] = bound
      to['x-ratelimit-remaining-requests'] = remaining
      to['x-ratelimit-reset-requests'] = reset
    },
    words: (bound) => `${counted(bound, 'request')} per minute`,
  },
  tpm: {
    name: 'tpm',
    field: 'tpm',
    code: 'gateway_tpm_exceeded',
    unit: 'tokens',
    window: 'minute',
    isGivenBack: true,
    setHeaders(to, bound, remaining, reset) {
      to['x-ratelimit-limit-tokens'] = bound
      to['x-ratelimit-remaining-tokens'] = remaining
      to['x-ratelimit-reset-tokens'] = reset
    },
    words: (bound) => `${counted(bound, 'token')} per minute`,
  },
  daily_usd: {
    name: 'daily_usd',
    field: 'usdPerDay',
    code: 'gateway_daily_usd_exceeded',
    unit: 'usd',
    window: 'day',
    isGivenBack: true,
    setHeaders: undefined,
    words: (bound) => `$${dollars(bound)} per day`,
  },
}

/** Length of each window, in milliseconds. A day at a change of the clock has 23 or 25 hours. */
export const WINDOW_MS: Readonly<Record<Limit['window'], number>> = { minute: 60_000, day: 86_400_000 }

/** Formats billionths of a dollar as dollars: all decimals, never an exponent. */
const dollars = (nano: number) => (nano / 1e9).toFixed(9).replace(/\.?0+$/, '')
