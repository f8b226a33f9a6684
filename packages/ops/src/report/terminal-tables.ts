import { clip } from '../cli/blocks.ts'
import { type FitColumn, fit } from '../cli/fit.ts'
import { dollars, milliseconds, percentOf, short, whole } from '../cli/format.ts'
import type { Style } from '../cli/style.ts'
import type { Report } from './report.ts'

export type Options = { columns: number; style: Style }

const MAX_ROWS = 15

export const title = (text: string, { style }: Options): string => style('bold', text.toUpperCase())

/** Lines of a table, titles first: names are cut, and the columns of the highest rank left out, where it is too wide. */
function lines(columns: FitColumn[], { columns: width, style }: Options): string[] {
  const [head = '', ...rows] = fit(columns, width, 2).rows.map((cells) => cells.join('  ').trimEnd())
  return [style('dim', head), ...rows]
}

/** A column of names. */
const names = <T>(title: string, rows: T[], cell: (row: T) => string, more: Partial<FitColumn> = {}) => ({
  title,
  cells: rows.map(cell),
  min: 14,
  ...more,
})

/** A column of numbers. */
const numbers = <T>(title: string, rows: T[], cell: (row: T) => string, rank?: number): FitColumn => ({
  title,
  cells: rows.map(cell),
  isNumber: true,
  ...(rank !== undefined && { rank }),
})

const rate = (share: number | undefined) => (share === undefined ? '-' : percentOf(share))
const more = (count: number, { style }: Options) =>
  count > MAX_ROWS ? [style('dim', `and ${whole(count - MAX_ROWS)} more`)] : []

export function agents({ agents }: Report, options: Options): string[] {
  if (agents.length === 0) return []
  const rows = agents.slice(0, MAX_ROWS)
  const columns = [
    names('agent', rows, ({ agent }) => agent),
    names('team', rows, ({ team }) => team, { rank: 3 }),
    numbers('calls', rows, ({ calls }) => short(calls)),
    numbers('hits', rows, ({ hitRate }) => rate(hitRate), 2),
    numbers('p95', rows, ({ p95Ms }) => (p95Ms === undefined ? '-' : milliseconds(p95Ms)), 1),
    numbers('errors', rows, ({ errorRate }) => rate(errorRate)),
    numbers('cost', rows, ({ costUsd }) => dollars(costUsd)),
  ]
  return [title('Cost by agent', options), ...lines(columns, options), ...more(agents.length, options)]
}

export function models({ models }: Report, options: Options): string[] {
  if (models.length === 0) return []
  const rows = models.slice(0, MAX_ROWS)
  const columns = [
    names('model', rows, ({ model }) => model),
    numbers('calls', rows, ({ calls }) => short(calls), 1),
    numbers('input', rows, ({ input }) => short(input)),
    numbers('of it cached', rows, ({ cachedInput }) => short(cachedInput), 2),
    numbers('output', rows, ({ output }) => short(output)),
    numbers('cost', rows, ({ costUsd }) => dollars(costUsd)),
  ]
  return [title('Tokens by model', options), ...lines(columns, options), ...more(models.length, options)]
}

export function quotas({ quotas }: Report, options: Options): string[] {
  if (quotas.length === 0) return []
  const of = (value: string, limit: string | undefined) => (limit === undefined ? value : `${value}/${limit}`)
  const used = (value: number, limit: number | undefined) =>
    of(short(value), limit === undefined ? undefined : short(limit))
  const rows = quotas.slice(0, MAX_ROWS)
  const columns = [
    names('team', rows, ({ team }) => team),
    numbers('dearest day/cap', rows, ({ dearestDay, capUsd }) =>
      of(dollars(dearestDay?.usd ?? 0), capUsd === undefined ? undefined : dollars(capUsd)),
    ),
    numbers('requests/min', rows, ({ busiestRequests, rpm }) => used(busiestRequests, rpm), 1),
    numbers('tokens/min', rows, ({ busiestTokens, tpm }) => used(busiestTokens, tpm), 2),
    numbers('refused', rows, ({ refusals }) => whole(refusals.reduce((sum, { calls }) => sum + calls, 0))),
  ]
  const [head = '', ...drawn] = lines(columns, options)
  return [
    title('Quotas by team', options),
    head,
    ...drawn.map((line, at) => ((rows[at]?.violations ?? 0) > 0 ? options.style('red', line) : line)),
    ...more(quotas.length, options),
  ]
}

export function dearest({ dearest, timezone }: Report, options: Options): string[] {
  if (dearest.length === 0) return []
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  const tokens = (count: number | null) => (count === null ? '-' : short(count))
  const columns = [
    numbers('cost', dearest, ({ costUsd }) => dollars(costUsd)),
    names('time', dearest, ({ at }) => time.format(at), { rank: 1, min: 13 }),
    names('agent', dearest, ({ agent }) => agent),
    names('model', dearest, ({ model }) => model, { rank: 2 }),
    numbers('input', dearest, ({ input }) => tokens(input)),
    numbers('output', dearest, ({ output }) => tokens(output)),
  ]
  return [
    title('Dearest requests', options),
    ...lines(columns, options),
    options.style('dim', clip('Input and output are tokens.', options.columns)),
  ]
}
