import { GUARD_NAMES, type GuardName } from '../../core/policy.ts'
import { actions } from './actions.ts'
import { antonyms } from './antonyms.ts'
import { conditions } from './conditions.ts'
import { dates } from './dates.ts'
import { entities } from './entities.ts'
import { freshness } from './freshness.ts'
import type { Guard, Question } from './guard.ts'
import { identifiers } from './identifiers.ts'
import { language } from './language.ts'
import { length } from './length.ts'
import { negation } from './negation.ts'
import { numbers } from './numbers.ts'
import { order } from './order.ts'
import { units } from './units.ts'
import { wording } from './wording.ts'

/** In the order of evaluation: cheap and precise guards first. */
export const GUARDS = {
  length,
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
