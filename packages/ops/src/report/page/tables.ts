import {
  counted,
  dollars,
  milliseconds,
  percentOf,
  printable,
  short,
  shortDate,
  whole,
} from '../../cli/format.ts'
import { balanceOf, evidenceOf, reasonOf, stateOf } from '../../cli/semantic-auto.ts'
import { escapeHtml } from '../../core/escape-html.ts'
import { type Cell, MAX_ROWS, table } from '../../page/table.ts'
import type { Report } from '../report.ts'
import { sumHits } from '../totals.ts'

const text = (words: string): Cell => ({ html: escapeHtml(printable(words)), isText: true })
const long = (words: string): Cell => ({ html: escapeHtml(printable(words)), isLong: true })
const name = (main: string, below: string): Cell => ({
  html: `${escapeHtml(printable(main))}<small>${escapeHtml(printable(below))}</small>`,
})
const rate = (share: number | undefined) => (share === undefined ? '–' : percentOf(share))
const time = (ms: number | undefined) => (ms === undefined ? '–' : milliseconds(ms))

export const agentTable = ({ agents }: Report): string =>
  table(
    ['Agent', 'Calls', 'Hit rate', 'p95', 'Errors', 'Saved', 'Cost'],
    agents.map((row) => [
      name(row.agent, row.team),
      whole(row.calls),
      rate(row.hitRate),
      time(row.p95Ms),
      rate(row.errorRate),
      dollars(sumHits(row.savedUsd)),
      dollars(row.costUsd),
    ]),
  )

export const autoTable = ({ semanticAuto = [], createdAt }: Report): string =>
  table(
    ['Agent', 'Semantic cache', 'Evidence', 'Balance'],
    semanticAuto.map((row) => [
      name(row.agent, row.team),
      long(`${stateOf(row, createdAt)}. ${reasonOf(row)}`),
      long(evidenceOf(row)),
      long(balanceOf(row)),
    ]),
  )

export const modelTable = ({ models }: Report): string =>
  table(
    ['Model', 'Calls', 'Input', 'Of it cached', 'Output', 'Of it reasoning', 'Cost'],
    models.map((row) => [
      row.model,
      whole(row.calls),
      short(row.input),
      short(row.cachedInput),
      short(row.output),
      short(row.reasoning),
      dollars(row.costUsd),
    ]),
  )

/** A value beside its limit, with a bar. */
function used(value: string, limit: string | undefined, share: number): Cell {
  if (limit === undefined) return { html: escapeHtml(value) }
  const width = Math.min(100, 100 * share).toFixed(1)
  const colour = share > 1 ? ' class="over"' : ''
  return {
    html: `<span${colour}>${escapeHtml(`${value} of ${limit}`)}</span><span class="meter"><span style="width:${width}%"></span></span>`,
  }
}

export const quotaTable = ({ quotas }: Report): string =>
  table(
    ['Team', 'Dearest day', 'Busiest minute: requests', 'Busiest minute: tokens', 'Refused by a limit'],
    quotas.map((row) => {
      const { capUsd, rpm, tpm } = row
      const dearest = row.dearestDay?.usd ?? 0
      const refused = row.refusals.map(
        ({ limit, calls, isIntended }) => `${whole(calls)} by ${limit}${isIntended ? ' (intended)' : ''}`,
      )
      return [
        name(row.team, row.violations > 0 ? counted(row.violations, 'violation') : 'no violation'),
        used(dollars(dearest), capUsd === undefined ? undefined : dollars(capUsd), dearest / (capUsd ?? 1)),
        used(
          short(row.busiestRequests),
          rpm === undefined ? undefined : short(rpm),
          row.busiestRequests / (rpm ?? 1),
        ),
        used(
          short(row.busiestTokens),
          tpm === undefined ? undefined : short(tpm),
          row.busiestTokens / (tpm ?? 1),
        ),
        { html: escapeHtml(printable(refused.length === 0 ? 'none' : refused.join(', '))), isLong: true },
      ]
    }),
  )

export function dearestTable({ dearest, timezone }: Report): string {
  const at = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, dateStyle: 'medium', timeStyle: 'short' })
  return table(
    ['Request', 'Agent', 'Model', 'Input', 'Output', 'Latency', 'Cost'],
    dearest.map((call) => [
      name(at.format(call.at), call.id),
      text(call.agent),
      text(call.model),
      call.input === null ? '–' : short(call.input),
      call.output === null ? '–' : short(call.output),
      time(call.latency ?? undefined),
      dollars(call.costUsd),
    ]),
  )
}

export const dayTable = ({ days }: Report): string =>
  table(
    ['Day', 'Calls', 'Hit rate', 'p50', 'p95', 'Errors', 'Refused', 'Saved by caches', 'Cost'],
    days
      .slice(-MAX_ROWS)
      .map(({ date, totals }) => [
        shortDate(date),
        whole(totals.calls),
        rate(totals.hitRate),
        time(totals.p50Ms),
        time(totals.p95Ms),
        rate(totals.errorRate),
        whole(totals.refused),
        dollars(sumHits(totals.savedUsd)),
        dollars(totals.costUsd),
      ]),
  )
