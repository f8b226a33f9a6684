import type { LoggedChange, ProcessBooks, QuotaBooks, TeamBooks } from '@hotdash/llm-gateway/admin'
import { dollars, printable, span, whole } from '../cli/format.ts'
import { printJson, printLine, printNote, printStyledNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { printTable } from '../cli/table.ts'
import type { Context } from './context.ts'

/** Dollars that count against a team's limit of the day. */
export const committedUsd = (books: TeamBooks): number =>
  books.spentUsd +
  books.inheritedUsd +
  books.unconfirmedUsd +
  books.heldUsd +
  books.leasedUsd +
  books.lapsedUsd

/** Dollars of the day that were spent, or may have been: without those of calls in flight and of leases. */
export const settledUsd = ({ spentUsd, inheritedUsd, unconfirmedUsd }: TeamBooks): number =>
  spentUsd + inheritedUsd + unconfirmedUsd

/** Shows the books of each team, or the log of changes. */
export async function show({ books, teams, values, policy }: Context): Promise<number> {
  if (values.log) {
    const logs = await Promise.all(teams.map(async (team) => ({ team, changes: await books.log(team) })))
    if (values.json) return printJson(logs)
    const lines = logs.flatMap(({ team, changes }) => changes.map((change) => logLine(team, change)))
    for (const line of lines) printLine(line)
    return lines.length === 0 ? printNote('No operator has changed the books.') : 0
  }
  const found = await Promise.all(teams.map(books.show))
  if (values.json) return printJson(found.map((one) => ({ ...one, limits: limitsOf(policy, one.team) })))
  printTable(
    COLUMNS,
    found.map((one) => rowOf(one, limitsOf(policy, one.team))),
  )
  printNote(
    `Days are those of ${policy.timezone ?? 'UTC'}. HELD: calls in flight. LEASED: what processes may spend without asking.`,
  )
  if (values.processes) for (const one of found) printProcesses(one)
  for (const { team, state } of found)
    if (state === 'damaged')
      printStyledNote(
        styleFor(process.stderr)('red', `${printable(team)}: another program has written over the books.`),
      )
  return 0
}

type Limits = { rpm?: number | undefined; tpm?: number | undefined; usdPerDay?: number | undefined }

const limitsOf = ({ teams }: Context['policy'], team: string): Limits => {
  const { rpm, tpm, usdPerDay } = teams?.[team] ?? {}
  return { rpm, tpm, usdPerDay }
}

const COLUMNS = [
  { title: 'TEAM' },
  { title: 'DAY' },
  ...[
    'SPENT',
    'UNCONFIRMED',
    'HELD',
    'LEASED',
    'LIMIT',
    'USED',
    'REQUESTS/MIN',
    'TOKENS/MIN',
    'PROCESSES',
  ].map((title) => ({ title, isNumber: true })),
]

function rowOf({ team, state, day = '', books, processes }: QuotaBooks, limits: Limits): string[] {
  const { rpm, tpm, usdPerDay } = limits
  const cap = usdPerDay === undefined ? 'none' : dollars(usdPerDay)
  if (books === undefined)
    return [team, state === 'damaged' ? 'damaged' : 'no books', '', '', '', '', cap, '', '', '', '']
  return [
    team,
    day,
    dollars(books.spentUsd + books.inheritedUsd),
    dollars(books.unconfirmedUsd),
    `${dollars(books.heldUsd)}${books.holds > 0 ? ` (${books.holds})` : ''}`,
    dollars(books.leasedUsd + books.lapsedUsd),
    cap,
    usdPerDay ? `${Math.round((100 * committedUsd(books)) / usdPerDay)} %` : '',
    `${whole(books.requests)}${books.leasedRequests > 0 ? ` +${whole(books.leasedRequests)}` : ''} of ${rpm === undefined ? 'any' : whole(rpm)}`,
    `${whole(books.tokens)}${books.leasedTokens > 0 ? ` +${whole(books.leasedTokens)}` : ''} of ${tpm === undefined ? 'any' : whole(tpm)}`,
    whole(processes.length),
  ]
}

function printProcesses({ team, processes }: QuotaBooks): void {
  if (processes.length === 0) return
  printLine('')
  const columns = [
    { title: 'PROCESS' },
    { title: 'TEAM' },
    ...['SILENT FOR', 'LEASE', 'REQUESTS', 'TOKENS', 'DOLLARS', 'REPORTS'].map((title) => ({
      title,
      isNumber: true,
    })),
  ]
  printTable(
    columns,
    processes.map((one) => processRow(team, one)),
  )
}

const processRow = (team: string, one: ProcessBooks): string[] => [
  one.process,
  team,
  span(one.silentMs),
  one.grantedMs === undefined ? 'none' : `${span(one.grantedMs)} old`,
  whole(one.leasedRequests),
  whole(one.leasedTokens),
  dollars(one.leasedUsd),
  whole(one.report),
]

function logLine(team: string, { at, what, by, comment, before, after }: LoggedChange): string {
  const why = comment === undefined ? '' : `  "${comment}"`
  const line = `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC  ${team}  ${what === 'balance' ? 'reconcile' : what}  ${dollars(settledUsd(before))} -> ${dollars(settledUsd(after))}  ${by}${why}`
  return printable(line)
}
