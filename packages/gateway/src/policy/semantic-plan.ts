import type { SemanticPlan } from '../core/caller.ts'
import { type CachePolicy, GUARD_NAMES, type SemanticPolicy } from '../core/policy.ts'

export const JUDGE = { model: 'gpt-4o-mini', rate: 1, perHour: 60 }

/** Merges the layers field by field, inner ones over outer ones; `undefined`: off, the default. */
export function planOf(layers: (false | CachePolicy | undefined)[]): SemanticPlan | undefined {
  let merged: SemanticPolicy = {}
  for (const layer of layers) {
    // No inner layer can switch on what an outer layer switched off.
    if (layer === false || layer?.semantic === false) return undefined
    merged = { ...merged, ...layer?.semantic }
  }
  const {
    mode = 'off',
    threshold,
    judgeFrom = 0.8,
    ttlSeconds = 604_800,
    errorBudget = 0.01,
    judge,
    requireConfirmation = false,
    shareBetweenUsers = false,
    guards = GUARD_NAMES,
  } = merged
  if (mode === 'off') return undefined
  return {
    mode,
    threshold,
    judgeFrom,
    ttlSeconds,
    errorBudget,
    judge: judge === false ? undefined : { ...JUDGE, ...judge },
    requireConfirmation,
    shareBetweenUsers,
    guards,
  }
}
