export type Curve = { name: string; colour: string; points: { hitRate: number; error: number }[] }

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [850, 440, 64, 56, 40, 330]
const MOST = { hitRate: 0.8, error: 0.12 }
const x = (hitRate: number) => round(LEFT + (hitRate / MOST.hitRate) * (WIDTH - LEFT - RIGHT))
const y = (error: number) => round(HEIGHT - BOTTOM - (error / MOST.error) * (HEIGHT - BOTTOM - TOP))
const round = (pixels: number) => Math.round(pixels * 10) / 10
const percent = (value: number) => `${Math.round(value * 100)}%`

/** Hit rate to the right, wrong ones among the hits upwards: the better, the lower and the farther right. */
export function plot(title: string, curves: readonly Curve[]): string {
  const grid = [0, 0.2, 0.4, 0.6, 0.8].map(
    (at) =>
      `<line x1="${x(at)}" y1="${TOP}" x2="${x(at)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/><text x="${x(at)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${percent(at)}</text>`,
  )
  const rules = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12].map(
    (at) =>
      `<line x1="${LEFT}" y1="${y(at)}" x2="${WIDTH - RIGHT}" y2="${y(at)}" stroke="#ddd"/><text x="${LEFT - 8}" y="${y(at) + 4}" text-anchor="end">${percent(at)}</text>`,
  )
  const goal = `<line x1="${LEFT}" y1="${y(0.01)}" x2="${WIDTH - RIGHT}" y2="${y(0.01)}" stroke="#b00" stroke-dasharray="4 3"/><text x="${WIDTH - RIGHT + 6}" y="${y(0.01) + 4}" fill="#b00">1% wrong</text>`
  const lines = curves.map(({ colour, points }) => {
    const path = points.map(({ hitRate, error }) => `${x(hitRate)},${y(error)}`).join(' ')
    const [only, ...more] = points
    if (only !== undefined && more.length === 0)
      return `<circle cx="${x(only.hitRate)}" cy="${y(only.error)}" r="5" fill="${colour}"/>`
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" clip-path="url(#plot)"/>`
  })
  const legend = curves.map(
    ({ name, colour }, at) =>
      `<rect x="${WIDTH - RIGHT + 16}" y="${TOP + at * 20}" width="14" height="4" fill="${colour}"/><text x="${WIDTH - RIGHT + 36}" y="${TOP + at * 20 + 6}">${escaped(name)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="white"/>
<clipPath id="plot"><rect x="${LEFT}" y="${TOP}" width="${WIDTH - LEFT - RIGHT}" height="${HEIGHT - TOP - BOTTOM}"/></clipPath>
<text x="${LEFT}" y="22" font-size="15">${escaped(title)}</text>
${[...grid, ...rules, goal, ...lines, ...legend].join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 16}" text-anchor="middle">questions answered from the cache</text>
<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">wrong among these</text>
</svg>
`
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
