import type { Policy } from '@hotdash/llm-gateway'

/** `free` has no limits; each of the others meets its own. */
export const TEAMS = ['free', 'rate', 'money'] as const
export type Team = (typeof TEAMS)[number]

/** Billionths of a dollar for each token. */
export const PRICES = { input: 1_000, output: 4_000 }

export const MODEL = 'gpt-4o-mini'
export const EMBEDDINGS = 'text-embedding-3-small'

/** Limits of a run. `usdPerDay` is spent before its end. */
export type Limits = { rpm: number; tpm: number; usdPerDay: number }

/** @param callsPerMinute calls of all teams together */
export const limitsOf = (callsPerMinute: number, minutes: number): Limits => ({
  rpm: Math.ceil(callsPerMinute / 12),
  tpm: Math.ceil(callsPerMinute / 12) * 75,
  // A call of team `money` costs about 0.0002 dollars; half of what is asked for can be paid.
  usdPerDay: Math.max(0.02, Number((callsPerMinute * 0.3 * minutes * 0.0001).toFixed(4))),
})

/** Everything is on: exact and semantic cache, routing, limits, waiting. */
export const policyOf = ({ rpm, tpm, usdPerDay }: Limits): Policy => ({
  version: 1,
  defaultServiceTier: 'default',
  routing: { default: MODEL, fallback: false },
  models: {
    [MODEL]: { input: 1, cachedInput: 1, output: 4, maxOutput: 1_000 },
    [EMBEDDINGS]: { input: 1, output: 0 },
  },
  cache: {
    exact: { ttlSeconds: 40, staleIfErrorSeconds: 20 },
    semantic: { mode: 'on', threshold: 0.97, ttlSeconds: 40, judge: false },
    shared: true,
  },
  teams: {
    free: { agents: ['free'] },
    rate: { agents: ['rate'], rpm, tpm, tpmMode: 'strict', onLimit: 'wait', maxWaitMs: 500 },
    money: { agents: ['money'], usdPerDay },
  },
})
