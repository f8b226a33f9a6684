import { GUARD_NAMES, type GuardName } from '../../core/policy.ts'
import { actions } from './actions.ts'
import { antonyms } from './antonyms.ts'
import { conditions } from './conditions.ts'
import { dates } from './dates.ts'
import { entities } from './entities.ts'
import { foreign } from './foreign.ts'
import { freshness } from './freshness.ts'
import type { Guard, Question } from './guard.ts'
import { identifiers } from './identifiers.ts'
import { language } from './language.ts'
import { length } from './length.ts'
import { modifier, modifierDoubt } from './modifier.ts'
import { negation } from './negation.ts'
import { numbers } from './numbers.ts'
import { order, orderDoubt } from './order.ts'
import { units } from './units.ts'
import { wording, wordingDoubt } from './wording.ts'

/** In the order of evaluation: cheap and precise guards first. */
export const GUARDS = {
  length,
  foreign,
  language,
  freshness,
  actions,
  numbers,
  identifiers,
  dates,
  units,
  negation,
  conditions,
  entities,
  antonyms,
  modifier,
  order,
  wording,
} satisfies Record<GuardName, Guard>

/** Returns the name of the first selected guard that vetoes, or `undefined`. */
export function vetoOf(
  asked: Question,
  cached: Question,
  selected: readonly GuardName[] = GUARD_NAMES,
): string | undefined {
  for (const name of selected) {
    const reason = GUARDS[name](asked, cached)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Guards that doubt where they do not veto. */
const DOUBTS: Partial<Record<GuardName, (asked: Question, cached: Question) => number>> = {
  modifier: modifierDoubt,
  order: orderDoubt,
  wording: wordingDoubt,
}

/**
 * Returns how many doubts the selected guards have whether the answer to `cached` may serve `asked`; 0: none. A doubt is
 * no veto: it asks for more confidence, or for a judgement.
 */
export function doubtsOf(
  asked: Question,
  cached: Question,
  selected: readonly GuardName[] = GUARD_NAMES,
): number {
  let doubts = 0
  for (const name of selected) doubts += DOUBTS[name]?.(asked, cached) ?? 0
  return doubts
}
