import type { Units } from './measure.ts'
import { breaksAt, type Fleet, type Limits, usesOf } from './model.ts'

/** What a fleet uses, as text: steps at Redis, then each resource, the fullest first. */
export function tableOf(fleet: Fleet, units: Units, limits: Limits): string {
  const { parts, uses, postgres } = usesOf(fleet, units, limits)
  const { processes, calls } = fleet
  const total = (processes * calls).toLocaleString('en')
  const lines = [
    `${processes.toLocaleString('en')} processes, ${calls} ${calls === 1 ? 'call' : 'calls'}/s each, ${total}/s in all`,
    '',
  ]
  lines.push(row(['at Redis', 'steps/s', 'commands/s', 'CPU'], [29, 10, 12, 9]))
  for (const { name, perSecond, commands, us } of parts)
    lines.push(
      row(
        [
          name,
          perSecond.toFixed(1),
          (perSecond * commands).toFixed(0),
          `${((perSecond * us) / 1e4).toFixed(1)} %`,
        ],
        [29, 10, 12, 9],
      ),
    )
  lines.push('', row(['resource', 'used', 'there is', 'part', 'full at calls/s each'], WIDTHS))
  for (const { resource, used, limit, unit } of uses) {
    const full = breaksAt(fleet, units, limits, resource)
    const when =
      full === 0 ? 'without calls' : Number.isFinite(full) ? String(Number(full.toPrecision(3))) : 'never'
    const part = `${((used / limit) * 100).toFixed(0)} %`
    lines.push(row([resource, figure(used, unit), figure(limit, unit), part, when], WIDTHS))
  }
  lines.push('', `Postgres: ${figure(postgres.rows, 'rows a day')}, ${figure(postgres.bytes, 'bytes a day')}`)
  return lines.join('\n')
}

const WIDTHS = [25, 19, 19, 10, 23]

const row = ([first = '', ...rest]: string[], [width = 0, ...widths]: number[]) =>
  `${first.padEnd(width)}${rest.map((each, at) => each.padStart(widths[at] ?? 0)).join('')}`

function figure(value: number, unit: string): string {
  const [part, prefix] = value >= 1e8 ? [value / 1e9, 'G '] : [value, ' ']
  const text = part >= 100 ? Math.round(part).toLocaleString('en') : part.toPrecision(3)
  return `${text}${prefix}${unit}`.trim()
}
