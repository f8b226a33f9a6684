import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Check, Moment, Outcome } from './checks.ts'

export type Run = {
  startedAt: string
  node: string
  callsPerMinute: number
  outcome: Outcome
  checks: Check[]
  chaos: Record<string, number>
  logs: Record<string, number>
}

type Line = { name: string; of: (moment: Moment) => number }
type Plot = { title: string; unit: string; lines: Line[] }

const WIDTH = 640
const HEIGHT = 180
const COLOURS = ['#2563eb', '#d97706', '#059669', '#dc2626', '#7c3aed']

const sum = (field: 'heapMb' | 'rssMb' | 'handles' | 'files' | 'queued') => (moment: Moment) =>
  moment.agents.reduce((all, sample) => all + sample[field], 0)

const plotsOf = ({ limits }: Outcome): Plot[] => [
  {
    title: 'Records and where they are',
    unit: 'records',
    lines: [
      { name: 'calls', of: ({ records }) => records },
      ...(['langfuse', 'supabase', 'otel', 'own'] as const).map((name) => ({
        name,
        of: ({ received }: Moment) => received[name],
      })),
    ],
  },
  { title: 'Records that wait', unit: 'records', lines: [{ name: 'queued', of: sum('queued') }] },
  {
    title: 'Memory of the agents',
    unit: 'MB',
    lines: [
      { name: 'heap', of: sum('heapMb') },
      { name: 'resident', of: sum('rssMb') },
    ],
  },
  {
    title: 'Handles and open files',
    unit: '',
    lines: [
      { name: 'handles', of: sum('handles') },
      { name: 'files', of: sum('files') },
    ],
  },
  { title: 'Redis: memory', unit: 'MB', lines: [{ name: 'used', of: ({ redisMb }) => redisMb }] },
  { title: 'Redis: keys', unit: 'keys', lines: [{ name: 'keys', of: ({ redisKeys }) => redisKeys }] },
  {
    title: 'Dollars of team money, billed by upstream',
    unit: '$',
    lines: [
      { name: 'billed', of: ({ books }) => (books.money?.nanoUsd ?? 0) / 1e9 },
      { name: 'usdPerDay', of: () => limits.usdPerDay },
    ],
  },
]

/** Draws lines over the seconds of a run. */
function svgOf({ title, unit, lines }: Plot, moments: Moment[]): string {
  const end = moments.at(-1)?.seconds ?? 1
  const top = Math.max(1e-9, ...moments.flatMap((moment) => lines.map(({ of }) => of(moment))))
  const x = (seconds: number) => 50 + (seconds / end) * (WIDTH - 60)
  const y = (value: number) => HEIGHT - 25 - (value / top) * (HEIGHT - 50)
  const drawn = lines.map(({ of }, at) => {
    const points = moments.map((moment) => `${x(moment.seconds).toFixed(1)},${y(of(moment)).toFixed(1)}`)
    return `<polyline fill="none" stroke="${COLOURS[at % COLOURS.length]}" stroke-width="1.5" points="${points.join(' ')}"/>`
  })
  const names = lines.map(
    ({ name }, at) => `<tspan fill="${COLOURS[at % COLOURS.length]}" dx="10">${name}</tspan>`,
  )
  const amount = top >= 100 ? Math.round(top).toLocaleString('en-US') : top.toPrecision(3)
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}" font-family="system-ui" font-size="11">
<text x="50" y="14" font-size="12" fill="currentColor">${title}<tspan dx="6"/>${names.join('')}</text>
<text x="44" y="${y(top) + 4}" text-anchor="end" fill="currentColor">${amount}</text>
<text x="44" y="${y(0)}" text-anchor="end" fill="currentColor">0</text>
<text x="${WIDTH - 10}" y="${HEIGHT - 8}" text-anchor="end" fill="currentColor">${(end / 60).toFixed(1)} min ${unit && `(${unit})`}</text>
<path d="M50 ${y(top)}V${y(0)}H${WIDTH - 10}" fill="none" stroke="currentColor" opacity=".4"/>
${drawn.join('\n')}
</svg>`
}

const rowsOf = (counts: Record<string, number>) =>
  Object.entries(counts)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `<tr><td>${name}</td><td>${count.toLocaleString('en-US')}</td></tr>`)
    .join('')

const MARK = { true: 'holds', false: 'BROKEN', undefined: 'too short to tell' }

/** Writes `report.json` and `report.html`, a page that needs no other file. */
export function writeReport(folder: string, run: Run): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'report.json'), JSON.stringify(run, null, 1))
  const { outcome, checks, startedAt, node, callsPerMinute } = run
  const plots = plotsOf(outcome).map((plot) => svgOf(plot, outcome.moments))
  const table = checks
    .map(({ name, holds, seen }) => `<tr><td>${name}</td><td>${MARK[`${holds}`]}</td><td>${seen}</td></tr>`)
    .join('\n')
  writeFileSync(
    join(folder, 'report.html'),
    `<!doctype html><meta charset="utf-8"><title>Soak of ${startedAt}</title>
<style>:root{color-scheme:light dark}body{font:14px system-ui;max-width:720px;margin:2em auto;padding:0 1em}
td{padding:2px 12px 2px 0;vertical-align:top}svg{width:100%;margin:.5em 0}</style>
<h1>Soak</h1>
<p>${startedAt}, Node ${node}, ${outcome.minutes} minutes, ${callsPerMinute} calls a minute, ${outcome.calls.toLocaleString('en-US')} calls.</p>
<h2>Checks</h2><table>${table}</table>
<h2>Course</h2>${plots.join('\n')}
<h2>How calls ended</h2><table>${rowsOf(outcome.outcomes)}</table>
<h2>How they were answered</h2><table>${rowsOf(outcome.ways)}</table>
<h2>Faults of dependencies</h2><table>${rowsOf(run.chaos)}</table>
<h2>Log messages</h2><table>${rowsOf(run.logs)}</table>
`,
  )
}
