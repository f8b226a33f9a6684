import { upperBound } from '#src/semantic/decision/threshold/bound.ts'
import { returns } from './money.ts'
import type { Outcome } from './play.ts'

export const share = (part: number, of: number) => `${((of === 0 ? 0 : part / of) * 100).toFixed(1)}%`

/** Wrong of hits, with both ends of the exact interval of 95 % (Clopper-Pearson). */
export function error({ hits, wrong }: Pick<Outcome, 'hits' | 'wrong'>): string {
  if (hits === 0) return '-'
  const percent = (value: number) => (value * 100).toFixed(1)
  const low = wrong === 0 ? 0 : 1 - upperBound(hits - wrong, hits, 0.975)
  return `${percent(wrong / hits)}% [${percent(low)}-${percent(upperBound(wrong, hits, 0.975))}]`
}

const COLUMNS: [name: string, width: number, of: (outcome: Outcome) => string][] = [
  ['hits', 8, ({ hits, asked }) => share(hits, asked)],
  ['wrong of hits [95 %]', 22, error],
  ['first 1,500', 20, ({ early }) => error(early)],
  ['later', 18, ({ hits, wrong, early }) => error({ hits: hits - early.hits, wrong: wrong - early.wrong })],
  ['judge calls/hit', 17, (outcome) => ratio(returns(outcome).callsPerHit)],
  ['$ saved/$ judging', 19, (outcome) => ratio(returns(outcome).savedPerDollar)],
]

const ratio = (value: number) => (Number.isFinite(value) && value > 0 ? value.toFixed(2) : '-')

/** Prints the heading of a table of outcomes. */
export function printHead(title: string) {
  console.log(`\n${title.padEnd(46)}${COLUMNS.map(([name, width]) => name.padStart(width)).join('')}`)
}

export function printRow(name: string, outcome: Outcome) {
  console.log(`${name.padEnd(46)}${COLUMNS.map(([, width, of]) => of(outcome).padStart(width)).join('')}`)
}
