import type { Row } from './result.ts'

const [WIDTH, LEFT, RIGHT, TOP, LINE] = [850, 190, 30, 64, 24]
const [LEAST, MOST] = [50, 100_000]
const MISS = '#1f6fb2'
const HIT = '#d9822b'

const round = (pixels: number) => Math.round(pixels * 10) / 10
const x = (µs: number) => {
  const share = Math.log(Math.min(MOST, Math.max(LEAST, µs)) / LEAST) / Math.log(MOST / LEAST)
  return round(LEFT + share * (WIDTH - LEFT - RIGHT))
}
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('`', '')

/** A line for each peer: median and 99th percentile of misses and of hits, on a logarithmic scale. */
export function plot(title: string, rows: Row[]): string {
  const shown = rows.filter(({ figures }) => figures['miss 1 KB p50'] !== undefined)
  const bottom = TOP + shown.length * LINE
  const marks = [100, 1_000, 10_000, 100_000].map(
    (µs) =>
      `<line x1="${x(µs)}" y1="${TOP - 8}" x2="${x(µs)}" y2="${bottom}" stroke="#ddd"/><text x="${x(µs)}" y="${bottom + 16}" text-anchor="middle">${µs / 1_000} ms</text>`,
  )
  const lines = shown.map(({ name, figures }, at) => {
    const y = TOP + at * LINE + LINE / 2
    const range = (key: string, colour: string, shift: number) => {
      const [p50, p99] = [figures[`${key} p50`], figures[`${key} p99`]]
      if (p50 === undefined || p99 === undefined) return ''
      return `<line x1="${x(p50)}" y1="${y + shift}" x2="${x(p99)}" y2="${y + shift}" stroke="${colour}" stroke-width="2"/><circle cx="${x(p50)}" cy="${y + shift}" r="5" fill="${colour}"/>`
    }
    return `<text x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>${range('miss 1 KB', MISS, -3)}${range('hit', HIT, 4)}`
  })
  const legend = [
    { name: 'miss of 1 KB', colour: MISS },
    { name: 'hit', colour: HIT },
  ].map(
    ({ name, colour }, at) =>
      `<circle cx="${LEFT + at * 130 + 6}" cy="42" r="5" fill="${colour}"/><text x="${LEFT + at * 130 + 18}" y="46">${name}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 40}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="22" font-size="15">${escaped(title)}</text>
${[...marks, ...lines, ...legend].join('\n')}
<text x="${LEFT}" y="${bottom + 34}">point: median; line: up to the 99th percentile; logarithmic</text>
</svg>
`
}
