import type { SemanticPlan } from '../core/caller.ts'
import { type CachePolicy, GUARD_NAMES, type SemanticPolicy } from '../core/policy.ts'

export const JUDGE = { model: 'gpt-4o-mini', rate: 1, perHour: 60 }

/** Inner layers override outer ones, field by field; `undefined`: off, as it is unless some layer says otherwise. */
export function planOf(layers: (false | CachePolicy | undefined)[]): SemanticPlan | undefined {
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
