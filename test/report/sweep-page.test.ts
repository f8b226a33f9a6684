import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { startBrowser } from './browser.ts'
import { lookAt } from './look.ts'

const SWEEP = 'cache.exact.ttlSeconds=60,3600,86400'
const SIZES = [
  ['phone', 360, 740],
  ['desktop', 1_280, 800],
] as const

const folder = mkdtempSync(join(tmpdir(), 'gateway-sweep-'))
let browser: Browser
const pages = new Map<string, string>()

beforeAll(async () => {
  browser = await startBrowser()
  const hostile = join(folder, '<img src=x onerror=alert(1)>.json')
  writeFileSync(hostile, JSON.stringify({ cache: false }))
  for (const [name, args] of Object.entries({
    sweep: ['--sweep', SWEEP],
    'no sweep': [],
    hostile: ['--policy', hostile],
  })) {
    const file = join(folder, `${name}.html`)
    const made = ['simulate', '--synthetic', '--calls', '2000', '--days', '5', '--html', file, ...args]
    const { code, err } = await llmGateway(made, {})
    expect(code, err).toBe(0)
    expect(err).toContain(`Written: ${file}\n`)
    pages.set(name, file)
  }
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

const look = <T>(
  name: string,
  [width, height]: [number, number],
  see: (page: Page) => Promise<T>,
): Promise<T> => lookAt(browser, pages.get(name) ?? '', { width, height }, see)

describe.each(SIZES)('on a %s', (_, width, height) => {
  test.each(['sweep', 'no sweep', 'hostile'])(
    '%s: no console line, no request, no horizontal scroll, and each plot is drawn once',
    async (name) => {
      const { overflow, plots } = await look(name, [width, height], (page) =>
        page.evaluate(() => ({
          overflow: document.documentElement.scrollWidth - window.innerWidth,
          plots: [...document.querySelectorAll('figure')].map((figure) => ({
            shown: [...figure.querySelectorAll('svg')].filter((svg) => svg.getClientRects().length > 0)
              .length,
            marks: figure.querySelectorAll('svg path').length,
            label: figure.getAttribute('aria-label') ?? '',
          })),
        })),
      )
      expect(overflow).toBeLessThanOrEqual(0)
      expect(plots).toHaveLength(name === 'sweep' ? 5 : 1)
      for (const { shown, marks, label } of plots) {
        expect(shown, label).toBe(1)
        expect(marks, label).toBeGreaterThan(4)
        expect(label).toMatch(/\d/)
      }
    },
  )
})

test('the curves of a sweep have the values that --json has', async () => {
  const args = ['simulate', '--synthetic', '--calls', '2000', '--days', '5', '--sweep', SWEEP, '--json']
  const { sweep } = JSON.parse((await llmGateway(args, {})).out) as { sweep: { costUsd: number }[] }
  const page = readFileSync(pages.get('sweep') ?? '', 'utf8')
  const [, spent = ''] = /aria-label="Spent: ([^"]*)"/.exec(page) ?? []
  const values = ['60', '3600', '86400']
  const shown = spent.split(', ').map((part) => Number(part.split(' $')[1]))
  expect(spent.split(', ').map((part) => part.split(' ')[0])).toEqual(values)
  for (const [at, { costUsd }] of sweep.entries()) expect(shown[at]).toBeCloseTo(costUsd, 0)
})

test('a page that cannot be written is said, after the result', async () => {
  const args = ['simulate', '--synthetic', '--calls', '100', '--html', '/nowhere/page.html']
  const { code, out, err } = await llmGateway(args, {})
  expect(code).not.toBe(0)
  expect(out).toContain('hit rate')
  expect(err).toContain('--html /nowhere/page.html cannot be written (ENOENT)')
})
