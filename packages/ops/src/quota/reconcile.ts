import { confirm } from '../cli/confirm.ts'
import { counted, dollars } from '../cli/format.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { tableLines } from '../cli/table.ts'
import { UsageError } from '../core/command.ts'
import { numberIn, readRows, requireProject, textIn } from '../supabase/project.ts'
import type { Context } from './context.ts'
import { noteOf } from './reset.ts'
import { committedUsd, settledUsd } from './show.ts'
import { waitingRows } from './waiting.ts'

/** A team's day by both books. Dollars. */
type Compared = {
  team: string
  day: string
  /** What Redis has as spent, or as perhaps spent. */
  booksUsd: number
  /** What counts against the limit besides: calls in flight, and leases. */
  reservedUsd: number
  rowsUsd: number
  /** Rows less books. */
  differenceUsd: number
  /** Rows of unknown cost, which no sum includes. */
  unpriced: number
}

/** Smaller differences come of rounding to billionths. */
const LEAST_USD = 1e-7

/** Compares the books of the day with the rows of Supabase; on request changes the books. */
export async function reconcile(context: Context): Promise<number> {
  const { values, redis } = context
  if (values.lower && !values.apply) throw new UsageError('--lower works with --apply only.')
  const waiting = await waitingRows(redis)
  const compared = await compare(context)
  const lacking = compared.filter(({ differenceUsd }) => differenceUsd > LEAST_USD)
  const excessive = compared.filter(({ differenceUsd }) => differenceUsd < -LEAST_USD)
  const chosen = values.apply ? [...lacking, ...(values.lower ? excessive : [])] : []
  if (!values.json) print(compared, waiting)
  if (values.lower && waiting > 0)
    return printFailure(
      `Nothing was changed: ${counted(waiting, 'row')} in Redis wait for Supabase, so rows show less than was spent. Try again without --lower, or when they are delivered.`,
    )
  if (chosen.length === 0) {
    if (values.json) printJson({ waitingRows: waiting, teams: compared, changes: [] })
    else if (lacking.length > 0) printNote('To raise the books: llm-gateway quota reconcile --apply')
    return values.apply || lacking.length === 0 ? 0 : 1
  }
  if (
    !values.yes &&
    !(await confirm(`Change the books of ${chosen.map(({ team }) => team).join(', ')}?`, 'say --yes'))
  )
    return printFailure('Nothing was changed.')
  const changes = await Promise.all(chosen.map((one) => change(context, one)))
  if (values.json) printJson({ waitingRows: waiting, teams: compared, changes })
  for (const { team, outcome, before, after } of changes) {
    if (outcome === 'other-day')
      printFailure(`${team}: a new day has begun since the rows were read. Run it again.`)
    else if (!values.json && before !== undefined && after !== undefined)
      printNote(`${team}: ${dollars(settledUsd(before))} -> ${dollars(settledUsd(after))}`)
  }
  return changes.every(({ outcome }) => outcome === 'changed' || outcome === 'unchanged') ? 0 : 1
}

/** Reads the rows first: what is settled between the two readings is in the books, so it never counts twice. */
async function compare({ books, teams, policy }: Context): Promise<Compared[]> {
  const { rows } = await readRows(
    requireProject(process.env),
    'llm_quota_usage_by_team?select=day,team,cost_usd,unpriced',
  )
  const found = await Promise.all(teams.map(books.show))
  const days = new Set(rows.map(({ day }) => textIn(day)))
  return found.map(({ team, day, books: own, state }) => {
    if (state === 'damaged') throw new Error(`${team}: another program has written over the books in Redis.`)
    const row = rows.find((one) => one.team === team)
    const rowsDay = textIn(row?.day ?? [...days][0] ?? day)
    if (day !== undefined && rowsDay !== day)
      throw new Error(
        `Redis counts the day ${day} (${policy.timezone ?? 'UTC'}), and Supabase ${rowsDay}. Wait until both are past midnight; if that does not help, a process with the policy in force must have delivered a row first.`,
      )
    const booksUsd = own === undefined ? 0 : settledUsd(own)
    const rowsUsd = numberIn(row?.cost_usd)
    return {
      team,
      day: rowsDay,
      booksUsd,
      reservedUsd: own === undefined ? 0 : committedUsd(own) - booksUsd,
      rowsUsd,
      differenceUsd: rowsUsd - booksUsd,
      unpriced: numberIn(row?.unpriced),
    }
  })
}

async function change({ books, values }: Context, { team, day, rowsUsd }: Compared) {
  return { team, ...(await books.balance(team, { usd: rowsUsd, day, lower: values.lower }, noteOf(values))) }
}

const COLUMNS = [
  { title: 'TEAM' },
  { title: 'DAY' },
  ...['BOOKS', 'RESERVED', 'ROWS', 'ROWS - BOOKS', 'UNPRICED ROWS'].map((title) => ({
    title,
    isNumber: true,
  })),
]

function print(compared: Compared[], waiting: number): void {
  const style = styleFor(process.stdout)
  const rows = compared.map((one) => [
    one.team,
    one.day,
    dollars(one.booksUsd),
    dollars(one.reservedUsd),
    dollars(one.rowsUsd),
    `${one.differenceUsd < 0 ? '-' : '+'}${dollars(Math.abs(one.differenceUsd))}`,
    String(one.unpriced),
  ])
  for (const [at, line] of tableLines(COLUMNS, rows).entries())
    printLine(at > 0 && (compared[at - 1]?.differenceUsd ?? 0) > LEAST_USD ? style('red', line) : line)
  if (waiting > 0)
    printNote(`${counted(waiting, 'row')} in Redis wait for Supabase: rows show less than was spent.`)
}
