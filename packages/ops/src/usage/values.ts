import { suggest } from '../cli/suggest.ts'
import { UsageError } from '../core/command.ts'
import { COLUMN_NAMES } from '../supabase/columns.ts'

/** Options of `llm-gateway usage`, as parsed. */
export type Values = {
  team?: string | undefined
  agent?: string | undefined
  model?: string | undefined
  status?: string | undefined
  from?: string | undefined
  to?: string | undefined
  format?: string | undefined
  out?: string | undefined
  cursor?: string | undefined
  columns?: string | undefined
  lag: string
  lines: string
  follow: boolean
  json: boolean
}

const STATUSES = ['ok', 'refused', 'aborted', 'failed']

/** Returns the filters of a query to the Data API. @throws UsageError naming the option */
export function filtersOf({ team, agent, model, status, from, to }: Values): [string, string][] {
  if (status !== undefined && !STATUSES.includes(status))
    throw new UsageError(`--status must be one of ${STATUSES.join(', ')}, not "${status}".`)
  const [since, until] = [timeOf('--from', from), timeOf('--to', to)]
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError('--from must be before --to.')
  const equal = Object.entries({ team, agent, model, status }).flatMap(
    ([column, value]): [string, string][] => (value === undefined ? [] : [[column, `eq.${value}`]]),
  )
  return [
    ...equal,
    ...(since === undefined ? [] : [['at', `gte.${since}`] as [string, string]]),
    ...(until === undefined ? [] : [['at', `lt.${until}`] as [string, string]]),
  ]
}

/** An ISO 8601 date, or a date and time with a zone: without one, it would be the time of this machine. */
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/

function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return new Date(ms).toISOString()
  throw new UsageError(
    `${option} must be a day such as 2026-11-23, or a time with its zone such as 2026-11-23T06:00:00Z, not "${text}".`,
  )
}

/** Returns the columns to export. @throws UsageError naming an unknown one */
export function columnsOf(text: string | undefined): string[] {
  if (text === undefined) return COLUMN_NAMES
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !COLUMN_NAMES.includes(name))
  if (unknown === undefined) return [...new Set(names)]
  const meant = suggest(unknown, COLUMN_NAMES)
  throw new UsageError(
    `--columns: llm_usage has no column "${unknown}".${meant === undefined ? ` It has ${COLUMN_NAMES.join(', ')}.` : ` Did you mean: ${meant}`}`,
  )
}
