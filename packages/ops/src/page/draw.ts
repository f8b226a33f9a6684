import type { BarSeriesOption, LineSeriesOption } from 'echarts/charts'
import { BarChart, LineChart } from 'echarts/charts'
import type { GridComponentOption, MarkLineComponentOption } from 'echarts/components'
import { GridComponent, MarkLineComponent } from 'echarts/components'
import { type ComposeOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { escapeHtml } from '../core/escape-html.ts'

use([BarChart, LineChart, GridComponent, MarkLineComponent, SVGRenderer])

export type PlotOption = ComposeOption<
  BarSeriesOption | LineSeriesOption | GridComponentOption | MarkLineComponentOption
>

/** Colours are names of the page's style sheet, which has a light and a dark value of each. */
export const COLOURS = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)']

/** Sizes in CSS pixels: for phones, and for all other screens and for print. Each is scaled to the width of its place. */
const SIZES = { narrow: { width: 340, height: 220 }, wide: { width: 560, height: 260 } }

export type Plot = {
  title: string
  /** What the plot shows, for people who do not see it. */
  description: string
  /** Names by colour. Empty: a single series. */
  legend: { name: string; colour: string; isLine?: boolean }[]
  option: (isNarrow: boolean) => PlotOption
}

/** Draws a plot as static SVG in two sizes, of which the style sheet shows one: a mail's preview runs no script. */
export function drawPlot({ title, description, legend, option }: Plot): string {
  const drawings = (['narrow', 'wide'] as const).map((name) => {
    const { width, height } = SIZES[name]
    const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
    try {
      chart.setOption({ ...COMMON, ...option(name === 'narrow') })
      const svg = chart.renderToSVGString({ useViewBox: true })
      return `<div class="${name}" aria-hidden="true">${withoutMetadata(svg)}</div>`
    } finally {
      chart.dispose()
    }
  })
  const names = legend.map(
    ({ name, colour, isLine = false }) =>
      `<li><span class="${isLine ? 'dash' : 'swatch'}" style="color:${colour}"></span>${escapeHtml(name)}</li>`,
  )
  return `<figure role="group" aria-label="${escapeHtml(description)}"><figcaption>${escapeHtml(title)}</figcaption>
${names.length === 0 ? '' : `<ul class="legend">${names.join('')}</ul>`}${drawings.join('\n')}</figure>`
}

const COMMON: PlotOption = {
  animation: false,
  textStyle: { fontFamily: 'inherit', fontSize: 12 },
  grid: { left: 4, right: 12, top: 18, bottom: 4, outerBoundsMode: 'same' },
}

/** Removes what only a script on the page would use. */
const withoutMetadata = (svg: string) => svg.replaceAll(/ ecmeta_\w+="[^"]*"/g, '')

const LABELS = { color: 'var(--dim)', fontSize: 12 }
const LINES = { lineStyle: { color: 'var(--line)' } }

/** Axis of days; labels that do not fit are left out. */
export const dayAxis = (labels: string[]) => ({
  type: 'category' as const,
  data: labels,
  axisLabel: { ...LABELS, hideOverlap: true },
  axisTick: { show: false },
  axisLine: LINES,
})

export const valueAxis = (format: (value: number) => string) => ({
  type: 'value' as const,
  min: 0,
  splitNumber: 4,
  axisLabel: { ...LABELS, formatter: format },
  splitLine: LINES,
})

const TARGET = 'var(--bad)'

/** A line at the value of a target. Its name is in the legend, where no bar covers it. */
export const targetLine = (value: number) => ({
  silent: true,
  symbol: 'none',
  animation: false,
  data: [{ yAxis: value }],
  lineStyle: { color: TARGET, type: 'dashed' as const, width: 2 },
  label: { show: false },
})

export const targetLegend = (text: string) => ({ name: `target ${text}`, colour: TARGET, isLine: true })
