import { type CachePolicy, GUARD_NAMES, type GuardName, type SemanticPolicy } from '../core/policy.ts'

/** How the questions of one agent are treated, worked out of the policy's layers. */
export type Plan = {
  mode: 'shadow' | 'on'
  /** Cosine from which an answer serves on its own, until labels say otherwise; `undefined`: the embedder's. */
  threshold: number | undefined
  /** From here up to the threshold, near-misses are judged. */
  band: number
  ttlSeconds: number
  /** Of the answers served by meaning, the part that may be wrong. */
  errorBudget: number
  judge: { model: string; rate: number; perHour: number } | undefined
  /** An answer serves only once a second call was found to have got it, too. */
  secondSighting: boolean
  /** Who may veto, in this order. */
  guards: readonly GuardName[]
}

export const JUDGE = { model: 'gpt-4o-mini', rate: 1, perHour: 60 }

/** Inner layers override outer ones, field by field; `undefined`: off, as it is unless some layer says otherwise. */
export function planOf(layers: (false | CachePolicy | undefined)[]): Plan | undefined {
  let merged: SemanticPolicy = {}
  for (const layer of layers) {
    // Nobody can switch on again what an outer layer switched off.
    if (layer === false || layer?.semantic === false) return undefined
    merged = { ...merged, ...layer?.semantic }
  }
  const {
    mode = 'off',
    threshold,
    band = 0.8,
    ttlSeconds = 604_800,
    errorBudget = 0.01,
    judge,
    secondSighting = false,
    guards = GUARD_NAMES,
  } = merged
  if (mode === 'off') return undefined
  return {
    mode,
    threshold,
    band,
    ttlSeconds,
    errorBudget,
    judge: judge === false ? undefined : { ...JUDGE, ...judge },
    secondSighting,
    guards,
  }
}
