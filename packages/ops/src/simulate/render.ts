import { bar } from '../cli/blocks.ts'
import { bytes, counted, dollars, percentOf, printable, short, whole } from '../cli/format.ts'
import type { Style } from '../cli/style.ts'
import { tableLines } from '../cli/table.ts'
import { hitRate, type Outcome, refusals } from './outcome.ts'

/** Upstash's price for commands, in dollars per 100,000. Source: Fly.io, "Upstash for Redis", pay as you go, 2026-11. */
const USD_PER_COMMAND = 0.2 / 100_000

const REFUSAL = /^gateway_|_exceeded$/g

type Figure = { title: string; of: (outcome: Outcome) => string }

const share = (count: number, { calls }: Outcome) =>
  count === 0 ? '0' : `${whole(count)} (${percentOf(count / calls)})`

const FIGURES: readonly Figure[] = [
  { title: 'calls', of: ({ calls }) => whole(calls) },
  { title: 'hit rate', of: (outcome) => percentOf(hitRate(outcome)) },
  { title: '  exact cache', of: (outcome) => share(outcome.exact, outcome) },
  { title: '  semantic cache', of: (outcome) => share(outcome.semantic, outcome) },
  { title: '  same call under way', of: (outcome) => share(outcome.flight, outcome) },
  { title: 'refused', of: (outcome) => share(refusals(outcome), outcome) },
  { title: 'spent', of: ({ costUsd }) => dollars(costUsd) },
  { title: 'saved by caches', of: ({ savedUsd }) => dollars(savedUsd) },
  { title: 'dearest day', of: ({ days }) => dollars(Math.max(0, ...Object.values(days))) },
  {
    title: 'budgets met',
    of: ({ budgetMet }) => (budgetMet.length === 0 ? 'never' : counted(budgetMet.length, 'day')),
  },
  { title: 'Redis commands', of: ({ redis }) => (redis ? short(redis.commands) : '?') },
  {
    title: '  at $0.20 per 100,000',
    of: ({ redis }) => (redis ? dollars(redis.commands * USD_PER_COMMAND) : '?'),
  },
  { title: '  in the busiest second', of: ({ redis }) => (redis ? whole(redis.mostInSecond) : '?') },
  { title: 'Redis memory (estimate)', of: ({ redis }) => (redis ? bytes(redis.peakBytes) : '?') },
]

/** Returns a row for each figure: its title, then its value in each outcome. */
export const figureRows = (outcomes: readonly Outcome[]): string[][] =>
  FIGURES.map(({ title, of }) => [title, ...outcomes.map(of)])

/** Returns the field that a sweep varies. */
export const sweptField = ([first]: readonly Outcome[]): string => first?.name.replace(/=.*/s, '') ?? ''

/** Returns the value that an outcome of a sweep has for it. */
export const sweptValue = ({ name }: Outcome): string => name.replace(/^[^=]*=/, '')

/** Returns the lines that show outcomes side by side. */
export function sideBySide(outcomes: readonly Outcome[], style: Style): string[] {
  const columns = [{ title: '' }, ...outcomes.map(({ name }) => ({ title: printable(name), isNumber: true }))]
  const [titles = '', ...lines] = tableLines(columns, figureRows(outcomes))
  return [style('bold', titles), ...lines]
}

/** Returns the lines that tell which limits refused, and when budgets were met. */
export function limitLines({ name, refused, budgetMet }: Outcome, timezone: string, style: Style): string[] {
  const codes = Object.entries(refused).toSorted(([, a], [, b]) => b - a)
  if (codes.length === 0) return []
  const time = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, timeStyle: 'short' })
  return [
    '',
    style('bold', `${printable(name)}: refused`),
    ...codes.map(([code, count]) => `  ${whole(count).padStart(9)}  ${printable(code.replace(REFUSAL, ''))}`),
    ...budgetMet
      .toSorted((a, b) => a.at - b.at)
      .slice(0, 10)
      .map(({ team, day, at }) => `  ${day} ${time.format(at)}  the budget of ${printable(team)} was met`),
    ...(budgetMet.length > 10 ? [`  and on ${counted(budgetMet.length - 10, 'more day')}`] : []),
  ]
}

/** Returns a line for each outcome with calls whose price is not known. */
export const unpricedLines = (outcomes: readonly Outcome[]): string[] =>
  outcomes
    .filter(({ unpriced }) => unpriced > 0)
    .map(
      ({ name, unpriced }) =>
        `${name}: without a known price, counted as $0 above: ${counted(unpriced, 'call')}.`,
    )

const BAR_WIDTH = 24

/** Returns the lines of a sweep: a row for each value, with a bar of what was spent. */
export function sweepLines(outcomes: readonly Outcome[], style: Style): string[] {
  const most = Math.max(...outcomes.map(({ costUsd }) => costUsd))
  const columns = [
    { title: 'value' },
    { title: 'hit rate', isNumber: true },
    { title: 'refused', isNumber: true },
    { title: 'saved', isNumber: true },
    { title: 'Redis', isNumber: true },
    { title: 'spent', isNumber: true },
    { title: '' },
  ]
  const rows = outcomes.map((outcome) => [
    sweptValue(outcome),
    percentOf(hitRate(outcome)),
    whole(refusals(outcome)),
    dollars(outcome.savedUsd),
    outcome.redis ? bytes(outcome.redis.peakBytes) : '?',
    dollars(outcome.costUsd),
    bar(outcome.costUsd, most, BAR_WIDTH),
  ])
  const [titles = '', ...lines] = tableLines(columns, rows)
  return ['', style('bold', printable(sweptField(outcomes))), style('dim', titles), ...lines]
}
