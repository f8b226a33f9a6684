import { readFileSync, writeFileSync } from 'node:fs'
import { plot } from './plot.ts'
import type { Figures, Result, Row } from './result.ts'

type Column = { head: string; of: (figures: Figures, id: string) => string }
type Table = { title: string; note: string; columns: Column[] }

const NONE = '–'
const grouped = (value: number) => Math.round(value).toLocaleString('en-US')
const percent = (value: number) => `${(value * 100).toFixed(1)} %`
const exact = (value: number) => value.toFixed(2)
const signed = (value: number) => `${value < 0 ? '−' : '+'}${grouped(Math.abs(value))}`
const known = (value: number | undefined, show: (value: number) => string) =>
  value === undefined || Number.isNaN(value) ? NONE : show(value)
const one = (head: string, key: string, show = grouped): Column => ({
  head,
  of: (figures) => known(figures[key], show),
})
/** Median and 99th percentile of what is added to the bare client; of that one, the whole. */
const added = (head: string, key: string): Column => ({
  head,
  of: (figures, id) =>
    id === 'bare'
      ? both(head, key).of(figures, id)
      : known(
          figures[`${key} added p50`],
          (p50) => `${signed(p50)} (${known(figures[`${key} added p99`], signed)})`,
        ),
})
const both = (head: string, key: string): Column => ({
  head,
  of: (figures) =>
    known(figures[`${key} p50`], (p50) => `${grouped(p50)} (${known(figures[`${key} p99`], grouped)})`),
})

const TABLES: Table[] = [
  {
    title: 'One call after another',
    note: 'µs, median (p99). Misses and the first token of a stream: what is added to the bare client, whose own row has the whole. Hits: whole.',
    columns: [
      added('miss 1 KB', 'miss 1 KB'),
      added('10 KB', 'miss 10 KB'),
      added('100 KB', 'miss 100 KB'),
      both('hit', 'hit'),
      added('first token', 'stream'),
      one(
        'per chunk, added',
        'stream chunk added',
        (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`,
      ),
    ],
  },
  {
    title: 'Many at once',
    note: 'Calls a second, and µs of processor time for each call (16 at once), that of its server included.',
    columns: [
      one('misses/s, 16', 'miss at 16 per second'),
      one('64', 'miss at 64 per second'),
      one('hits/s, 16', 'hit at 16 per second'),
      one('64', 'hit at 64 per second'),
      one('CPU of a miss', 'miss at 16 cpu'),
      one('CPU of a hit', 'hit at 16 cpu'),
    ],
  },
  {
    title: 'Redis, floods and faults',
    note: 'Commands that clients send for each call. Calls of upstream for 1,000 identical ones at once. Dollars spent of a cap of $10 by 1,000 calls of $0.10 from 4 processes at once. Of 20 calls, those that failed or had no answer after 5 s while Redis hung, and after it was killed.',
    columns: [
      one('commands of a miss', 'commands of a miss', exact),
      one('of a hit', 'commands of a hit', exact),
      one('upstream for 1,000', 'identical upstream'),
      one('spent of $10', 'spent dollars', exact),
      one('lost, Redis hung', 'lost, Redis hung'),
      one('killed', 'lost, Redis killed'),
    ],
  },
  {
    title: 'Start and memory',
    note: 'The first 200 calls of a process: µs added, median (p99). Memory in MB: of the calling process, or of the server where there is one.',
    columns: [
      added('first 200 calls', 'first 200'),
      one('import, ms of CPU', 'import cpu ms'),
      one('start of the server, ms', 'start ms'),
      one('idle', 'memory idle'),
      one('after all load', 'memory loaded'),
    ],
  },
  {
    title: 'Lookups without a call',
    note: '1,000 questions with vectors of 256 numbers, made beforehand; each is asked in other words. µs; shares of answers that were right, and that were of another question. GPTCache and betterdb are Python.',
    columns: [
      one('median', 'lookup p50'),
      one('p99', 'lookup p99'),
      one('right', 'lookup right', percent),
      one('wrong', 'lookup wrong', percent),
    ],
  },
]

/** The tables of docs/benchmarks.md. A peer stands in a table if it has a figure there. */
export function tablesOf(result: Result): string {
  const parts = TABLES.map(({ title, note, columns }) => {
    const cells = result.rows.map(({ id, name, figures }) => [
      name,
      ...columns.map(({ of }) => of(figures, id)),
    ])
    return [
      `### ${title}`,
      '',
      note,
      '',
      line(['', ...columns.map(({ head }) => head)]),
      line(['---', ...columns.map(() => '---')]),
      ...cells.filter(([, ...figures]) => figures.some((cell) => cell !== NONE)).map(line),
    ].join('\n')
  })
  return [conditionsOf(result), ...parts, configurationsOf(result)].join('\n\n')
}

const line = (cells: string[]) => `| ${cells.join(' | ')} |`

function conditionsOf({ at, machine, load, node, redis, commit, plan, minutes }: Result): string {
  return (
    `Measured on ${at}: ${machine}, Node ${node}, Redis ${redis}, commit \`${commit}\`; ${plan.rounds} rounds of ` +
    `${plan.calls} calls, ${minutes} minutes; load of the machine ${load[0].toFixed(1)} before and ${load[1].toFixed(1)} after.${
      // At the end the command itself makes a load of 1 to 2; at its beginning, what came before it still shows.
      load[1] > 2 ? ' **The machine did other work as well: these figures are provisional.**' : ''
    }`
  )
}

function configurationsOf({ rows }: Result): string {
  const told = rows.map(({ name, versions, configuration, missing }) =>
    line([name, versions || NONE, configuration, missingOf(missing)]),
  )
  return [
    '### Versions and configurations',
    '',
    line(['', 'versions', 'configuration', 'not measured']),
    line(['---', '---', '---', '---']),
    ...told,
  ].join('\n')
}

const missingOf = (missing: Row['missing']) =>
  Object.entries(missing)
    .map(
      ([stage, why]) =>
        `${stage === 'all' ? '' : `${stage}: `}${why.replaceAll('|', '/').replaceAll('\n', ' ')}`,
    )
    .join('; ') || NONE

const DOC = new URL('../../../docs/benchmarks.md', import.meta.url)
const SVG = new URL('../../../docs/benchmarks.svg', import.meta.url)
const JSON_FILE = new URL('./results.json', import.meta.url)
const [BEGIN, END] = ['<!-- bench:peers begin -->', '<!-- bench:peers end -->']

/** To a tenth of a unit, without what warmed up. */
export const jsonOf = (result: Result): string =>
  `${JSON.stringify(
    result,
    (key, value: unknown) => {
      if (key.startsWith('warm-up')) return undefined
      return typeof value === 'number' && Math.abs(value) > 10 ? Math.round(value * 10) / 10 : value
    },
    1,
  )}\n`

/** Puts the tables between the markers of the page, and writes plot and figures. @throws if the page has no markers. */
export function writeInto(result: Result): void {
  const page = readFileSync(DOC, 'utf8')
  const [head, rest] = page.split(BEGIN)
  const [, tail] = rest?.split(END) ?? []
  if (head === undefined || tail === undefined) throw new Error('docs/benchmarks.md has no markers')
  writeFileSync(DOC, `${head}${BEGIN}\n\n${tablesOf(result)}\n\n${END}${tail}`)
  writeFileSync(SVG, plot('One call after another: time of a whole call', result.rows))
  writeFileSync(JSON_FILE, jsonOf(result))
}
