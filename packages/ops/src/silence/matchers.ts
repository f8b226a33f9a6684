import { LABELS_OF, matchesPattern } from '../alerting/names.ts'
import { didYouMean } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'

/**
 * Parses `name=value` pairs.
 *
 * @throws UsageError where there are none, one is not a pair, or no alert could ever match all of them
 */
export function parseMatchers(pairs: string[]): Record<string, string> {
  if (pairs.length === 0)
    throw new UsageError('silence add: which alerts? For example --match alert=latency --match team=prod_ceo')
  const matchers = Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([a-z]+)=(.+)$/.exec(pair) ?? []
      if (name === undefined || value === undefined)
        throw new UsageError(`--match ${pair}: must be name=value, such as alert=latency or team=prod_*`)
      return [name, value]
    }),
  )
  refuseImpossible(matchers)
  return matchers
}

/** A silence that matches nothing would be found out only when the mails come. */
function refuseImpossible({ alert = '*', ...labels }: Record<string, string>): void {
  const alerts = Object.keys(LABELS_OF).filter((name) => matchesPattern(name, alert))
  if (alerts.length === 0)
    throw new UsageError(
      `--match alert=${alert}: there is no such alert. ${meant(alert, Object.keys(LABELS_OF), 'alert=')}`,
    )
  const all = [...new Set(Object.values(LABELS_OF).flat())]
  for (const label of Object.keys(labels)) {
    if (!all.includes(label))
      throw new UsageError(
        `--match ${label}=…: alerts have no label of this name. ${meant(label, ['alert', ...all], '')}`,
      )
    if (!alerts.some((name) => LABELS_OF[name]?.includes(label)))
      throw new UsageError(
        `--match ${label}=…: alert ${alert} has no ${label}${own(alerts)}, so nothing would match.`,
      )
  }
}

const meant = (typed: string, names: string[], prefix: string) =>
  didYouMean(typed.replace(/\*$/, ''), names, prefix) ?? `They are: ${names.join(', ')}.`

function own(alerts: string[]): string {
  const labels = new Set(alerts.flatMap((name) => LABELS_OF[name] ?? []))
  return labels.size === 0 ? '' : ` (it has ${[...labels].join(', ')})`
}
