import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '../../packages/ops/src/config/config.ts'
import { gather } from '../../packages/ops/src/report/gather.ts'
import { renderHtml } from '../../packages/ops/src/report/mail/html.ts'
import { renderPage } from '../../packages/ops/src/report/page/page.ts'
import { createReport, type Report } from '../../packages/ops/src/report/report.ts'
import { createSource } from '../../packages/ops/src/report/source.ts'
import { startSupabase } from '../supabase/server.ts'
import { startBrowser } from './browser.ts'
import { type Look, lookAt } from './look.ts'
import { usualWeek } from './week.ts'

const folder = mkdtempSync(join(tmpdir(), 'gateway-page-'))
let browser: Browser
let usual: Report
/** Pages by name, as files. */
const files = new Map<string, string>()

beforeAll(async () => {
  browser = await startBrowser()
  const supabase = await startSupabase()
  try {
    await supabase.sql(usualWeek())
    const read = async (from: string, to: string) =>
      createReport(
        await gather({
          source: createSource({ SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.keys.secret }),
          redis: undefined,
          from,
          to,
          config: parseConfig({}, 'the test').report,
          timezone: 'America/Chicago',
          now: Date.parse('2026-11-29T18:30:00Z'),
          progress: () => undefined,
        }),
      )
    usual = await read('2026-11-23', '2026-11-29')
    const hostile = JSON.parse(
      JSON.stringify(usual)
        .replaceAll('ai-customer', `<script>alert(1)</script>${'x'.repeat(180)}`)
        .replaceAll('gpt-4o-mini', '\\"><img src=x onerror=alert(2)>'),
    ) as Report
    const reports: Record<string, Report> = {
      usual,
      hostile,
      'one day': await read('2026-11-28', '2026-11-28'),
      month: await read('2026-11-01', '2026-11-29'),
      empty: await read('2026-10-05', '2026-10-11'),
    }
    for (const [name, report] of Object.entries(reports)) {
      save(name, renderPage(report))
      save(`mail of ${name}`, renderHtml(report))
    }
  } finally {
    await supabase.close()
  }
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

function save(name: string, html: string): void {
  const file = join(folder, `${name}.html`)
  writeFileSync(file, html)
  files.set(name, file)
}

const look = <T>(name: string, how: Look, see: (page: Page) => Promise<T>): Promise<T> =>
  lookAt(browser, files.get(name) ?? '', how, see)

const SIZES = [
  ['phone', 360, 740],
  ['tablet', 820, 1_180],
  ['desktop', 1_280, 800],
] as const

const NAMES = ['usual', 'hostile', 'one day', 'month', 'empty']

describe.each(SIZES)('on a %s', (_, width, height) => {
  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    test.each([...NAMES, ...NAMES.map((name) => `mail of ${name}`)])(
      '%s: no console line, no request, no horizontal scroll',
      async (name) => {
        const overflow = await look(name, { width, height, colorScheme }, (page) =>
          page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
        )
        expect(overflow).toBeLessThanOrEqual(0)
      },
    )
  })
})

/** Contrast of texts with their ground, by WCAG 2: 4.5 and more is readable. */
function worstContrast(): { text: string; ratio: number } {
  const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const light = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = channels(colour).map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const groundOf = (element: Element | null): string => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      if ((channels(backgroundColor)[3] ?? 1) > 0) return backgroundColor
    }
    return 'rgb(255, 255, 255)'
  }
  let worst = { text: '', ratio: Number.POSITIVE_INFINITY }
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim())
    if (!own || element.getClientRects().length === 0) continue
    const style = getComputedStyle(element)
    const isDrawn = element.closest('svg') !== null
    const [one, other] = [light(isDrawn ? style.fill : style.color), light(groundOf(element))]
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (ratio < worst.ratio) worst = { text: element.textContent ?? '', ratio }
  }
  return worst
}

test.each(['light', 'dark'] as const)('every text is readable: %s', async (colorScheme) => {
  const worst = await look('usual', { width: 1_280, height: 800, colorScheme }, (page) =>
    page.evaluate(worstContrast),
  )
  expect(worst.ratio, worst.text).toBeGreaterThanOrEqual(4.5)
})

test('light and dark differ, and plots follow', async () => {
  const groundAndInk = (page: Page) =>
    page.evaluate(() => {
      const label = document.querySelector('.wide svg text')
      return [
        getComputedStyle(document.body).backgroundColor,
        label === null ? '' : getComputedStyle(label).fill,
      ]
    })
  const [light, dark] = await Promise.all(
    (['light', 'dark'] as const).map((colorScheme) =>
      look('usual', { width: 1_280, height: 800, colorScheme }, groundAndInk),
    ),
  )
  expect(light?.[0]).not.toBe(dark?.[0])
  expect(light?.[1]).not.toBe(dark?.[1])
})

test('each size shows one drawing of each plot, with bars and axis', async () => {
  for (const [, width, height] of SIZES) {
    const plots = await look('usual', { width, height, colorScheme: 'light' }, (page) =>
      page.evaluate(() =>
        [...document.querySelectorAll('figure')].map((figure) => ({
          shown: [...figure.querySelectorAll('svg')].filter((svg) => svg.getClientRects().length > 0).length,
          marks: figure.querySelectorAll('svg path').length,
          label: figure.getAttribute('aria-label'),
        })),
      ),
    )
    expect(plots).toHaveLength(6)
    for (const { shown, marks, label } of plots) {
      expect(shown, label ?? '').toBe(1)
      expect(marks, label ?? '').toBeGreaterThan(8)
      expect(label).toMatch(/\d/)
    }
  }
})

test('the page says what the report says', async () => {
  const text = await look('usual', { width: 1_280, height: 800, colorScheme: 'light' }, (page) =>
    page.innerText('body'),
  )
  expect(text).toContain(usual.verdict.headline)
  expect(text).toContain(usual.verdict.money)
  for (const { valueText, detail } of usual.targets) {
    expect(text).toContain(valueText)
    expect(text).toContain(detail)
  }
  for (const { id } of usual.dearest) expect(text).toContain(id)
})

test('names of callers are shown as text', async () => {
  const text = await look('hostile', { width: 1_280, height: 800, colorScheme: 'light' }, (page) =>
    page.innerText('body'),
  )
  expect(text).toContain('<script>alert(1)</script>')
  expect(text).toContain('"><img src=x onerror=alert(2)>')
})

test('it prints in black on white, on a few pages of A4', async () => {
  const pages = await look(
    'usual',
    { width: 1_280, height: 800, colorScheme: 'dark', isPrint: true },
    async (page) => {
      expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
        'rgb(255, 255, 255)',
      )
      const pdf = await page.pdf({ format: 'A4' })
      return pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length
    },
  )
  expect(pages).toBeGreaterThanOrEqual(2)
  expect(pages).toBeLessThanOrEqual(6)
})

/** Cells that reach beyond their table, headings that stand elsewhere than their cells, and words of names that are broken. */
function misplaced(): string[] {
  const problems: string[] = []
  for (const box of document.querySelectorAll('.table')) {
    const right = box.getBoundingClientRect().right
    for (const cell of box.querySelectorAll('th, td'))
      if (cell.getBoundingClientRect().right > right + 1) problems.push(`cut: ${cell.textContent}`)
    const rows = [...box.querySelectorAll('tr')]
    for (const [at, head] of [...(rows[0]?.children ?? [])].entries())
      if (getComputedStyle(head).textAlign !== getComputedStyle(rows[1]?.children[at] ?? head).textAlign)
        problems.push(`elsewhere: ${head.textContent}`)
    for (const name of box.querySelectorAll('tbody th')) {
      const range = document.createRange()
      const text = name.firstChild
      if (text === null || text.nodeType !== 3) continue
      range.selectNodeContents(text)
      const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)))
      if (lines.size > 1 && !(text.textContent ?? '').includes(' '))
        problems.push(`broken: ${text.textContent}`)
    }
  }
  return problems
}

test.each([
  ['tablet', 820, false],
  ['desktop', 1_280, false],
  // A4 without its margins.
  ['paper', 690, true],
] as const)('on a %s, tables are whole and headings stand above their cells', async (_, width, isPrint) => {
  const seen = await look('usual', { width, height: 1_000, colorScheme: 'light', isPrint }, (page) =>
    page.evaluate(misplaced),
  )
  expect(seen).toEqual([])
})

test('a loss is drawn in the colour of what is bad', async () => {
  const colours = await look('usual', { width: 1_280, height: 800, colorScheme: 'light' }, (page) =>
    page.evaluate(() => {
      const figure = [...document.querySelectorAll('figure')].find(({ textContent }) =>
        textContent?.includes('Savings by cause'),
      )
      return [...(figure?.querySelectorAll('.wide path[fill]') ?? [])].map((path) =>
        path.getAttribute('fill'),
      )
    }),
  )
  expect(usual.savings.routing?.usd).toBeLessThan(0)
  expect(colours).toEqual(expect.arrayContaining(['var(--c3)', 'var(--bad)']))
})

test('the page is small enough for a mail', () => {
  for (const name of NAMES) expect(statSync(files.get(name) ?? '').size, name).toBeLessThan(400_000)
})
