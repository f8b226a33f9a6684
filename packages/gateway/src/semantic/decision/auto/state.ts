import { isObject, type Json } from '../../../core/json.ts'
import { added, type Day, EMPTY, type Ledger, NO_MONEY, pruned, sumsOf } from './ledger.ts'
import { type AutoReason, type Standing, standingAfter, type Terms } from './standing.ts'

/** What all processes know of one agent in mode `auto`. */
export type AutoState = Ledger & Standing & { agent: string; embedder: string; budget: number }

export const UNPROVEN: Ledger & Standing = { ...EMPTY, serving: false, reason: 'unproven', since: 0 }

/** Adds to a state what has become known since, with the standing that follows. */
export function stateAfter(
  held: Ledger & Standing,
  more: Ledger,
  { agent, embedder }: Pick<AutoState, 'agent' | 'embedder'>,
  terms: Terms,
  at: number,
): AutoState {
  const ledger = pruned(added(held, more), at)
  const standing = standingAfter(held, sumsOf(ledger, at), terms, at)
  return { ...ledger, ...standing, agent, embedder, budget: terms.errorBudget }
}

const REASONS: readonly AutoReason[] = [
  'proven',
  'unproven',
  'not-worth-it',
  'unpriced',
  'unjudged',
  'unknown',
]
const FIELDS = Object.keys(NO_MONEY) as (keyof Day)[]

/** Writes a state as JSON, a day's figures in the order of `NO_MONEY`. */
export const formatState = ({ days, ...rest }: AutoState): string =>
  JSON.stringify({
    ...rest,
    days: [...days].map(([day, money]) => [day, ...FIELDS.map((name) => money[name])]),
  })

/** Reads it again. `undefined`: absent, or of another version. */
export function stateFrom(text: string | undefined): AutoState | undefined {
  const value = parsed(text)
  if (!isObject(value)) return undefined
  const { agent, embedder, budget, serving, reason, since, evidence, days } = value
  const isState =
    typeof agent === 'string' &&
    typeof embedder === 'string' &&
    isCount(budget) &&
    typeof serving === 'boolean' &&
    isCount(since) &&
    typeof evidence === 'string' &&
    /^[+-]*$/.test(evidence) &&
    Array.isArray(days)
  const known = REASONS.find((name) => name === reason)
  if (!isState || known === undefined) return undefined
  return { agent, embedder, budget, serving, reason: known, since, evidence, days: daysFrom(days) }
}

function daysFrom(rows: readonly Json[]): Map<number, Day> {
  const days = new Map<number, Day>()
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== FIELDS.length + 1 || !row.every(isCount)) continue
    const [day = 0, ...figures] = row
    const money = Object.fromEntries(FIELDS.map((name, at) => [name, figures[at] ?? 0]))
    days.set(day, money as Day)
  }
  return days
}

const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
