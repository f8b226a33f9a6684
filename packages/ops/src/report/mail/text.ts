import { counted, dollars, monthName, printable, shortDate } from '../../cli/format.ts'
import { reasonOf, stateOf } from '../../cli/semantic-auto.ts'
import { nameOf, type Report } from '../report.ts'
import type { Status } from '../targets.ts'

/** Status in words, for people who see no colours. */
export const MARKS: Record<Status, string> = { met: 'met', missed: 'MISSED', unknown: 'unknown' }

export const rangeOf = ({ from, to }: Report): string =>
  from === to
    ? `${shortDate(to)} ${to.slice(0, 4)}`
    : `${shortDate(from)} to ${shortDate(to)} ${to.slice(0, 4)}`

/** Returns the subject of the mail: the verdict first, since a phone shows some 40 characters. */
export function subjectOf(report: Report): string {
  const { targets, totals, verdict } = report
  const missed = targets.filter(({ status }) => status === 'missed').length
  const words =
    totals.calls === 0
      ? 'no calls'
      : verdict.status === 'missed'
        ? `${counted(missed, 'target')} missed`
        : verdict.status === 'met'
          ? 'all targets met'
          : 'targets met, not all measured'
  return `LLM gateway: ${words}, ${dollars(totals.costUsd)} spent (${rangeOf(report)})`
}

/** Lines about money, in the order of their weight. */
export function moneyLines({ savings, forecast, semanticAuto = [], createdAt }: Report): string[] {
  const { exactUsd, semanticUsd, coalescingUsd, staleUsd, routing } = savings
  return [
    `Saved by the exact cache ${dollars(exactUsd)}, by the semantic cache ${dollars(semanticUsd)}, by coalescing ${dollars(coalescingUsd)}${staleUsd > 0 ? `, by stale answers ${dollars(staleUsd)}` : ''}.`,
    ...(routing === undefined
      ? []
      : [
          `Routing ${routing.usd < 0 ? 'cost' : 'saved'} about ${dollars(Math.abs(routing.usd))}${routing.usd < 0 ? ' more' : ''}, compared with ${routing.baseline} for all calls.`,
        ]),
    ...(forecast === undefined
      ? []
      : [
          `${monthName(forecast.month)}: ${dollars(forecast.expectedUsd)} expected, probably ${dollars(forecast.lowUsd)} to ${dollars(forecast.highUsd)}; ${dollars(forecast.spentUsd)} are spent.`,
        ]),
    ...semanticAuto.map(
      (status) =>
        `Semantic cache of ${nameOf(status.team, status.agent)}: ${stateOf(status, createdAt)}. ${reasonOf(status)} Today ${dollars(status.today.savedUsd)} saved, ${dollars(status.today.spentUsd)} spent.`,
    ),
  ]
}

/** Renders the text part of the mail. */
export function renderText(report: Report): string {
  const { verdict, targets, notes, timezone } = report
  return printableLines([
    `LLM gateway, ${rangeOf(report)} (${timezone})`,
    '',
    verdict.headline,
    verdict.money,
    '',
    ...targets.flatMap(({ title, status, valueText, targetText, detail }) => [
      `${MARKS[status]}: ${title} ${valueText} (target: ${targetText})`,
      `  ${detail}`,
    ]),
    '',
    ...moneyLines(report),
    '',
    ...report.agents
      .slice(0, 5)
      .map(
        ({ agent, team, calls, costUsd }) =>
          `${agent} (${team}): ${dollars(costUsd)}, ${counted(calls, 'call')}`,
      ),
    '',
    ...notes,
    'Plots and all figures: the attached page.',
    '',
  ])
}

const printableLines = (lines: string[]) => lines.map(printable).join('\n')
