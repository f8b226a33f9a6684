import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTerminal } from '../top/terminal.ts'
import {
  config,
  configure,
  environment,
  folder,
  report,
  reset,
  smtp,
  start,
  stop,
  WEEK,
} from './command-kit.ts'

beforeAll(start)
beforeEach(reset)
afterAll(stop)

test('a week in a pipe: the verdict first, 80 columns, no colours', async () => {
  const { code, out, err } = await report(WEEK)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^LLM gateway, 23 Nov to 29 Nov 2026 \(America\/Chicago\)\n\n\d of 7 targets missed: /)
  for (const title of ['TARGETS OF THE WEEK', 'SPEND A DAY', 'SAVINGS: ', 'COST BY AGENT', 'TOKENS BY MODEL'])
    expect(out).toContain(`\n${title}`)
  for (const title of ['QUOTAS BY TEAM', 'DEAREST REQUESTS', 'FORECAST OF NOV 2026'])
    expect(out).toContain(`\n${title}`)
  expect(out).not.toContain('\u001b')
  expect(out.split('\n').filter((line) => [...line].length > 80)).toEqual([])
})

test.each([
  [60, 60],
  [80, 80],
  [120, 120],
  [200, 120],
])('at a terminal of %i columns no line is longer than %i', async (columns, most) => {
  const terminal = openTerminal(['report', '--config', config, ...WEEK], environment(), columns, 200)
  try {
    expect(await terminal.ended).toBe(0)
    const lines = (await terminal.screen()).filter((line) => line !== '')
    expect(lines.some((line) => line.startsWith('DEAREST REQUESTS'))).toBe(true)
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(most)
    expect(terminal.output()).toContain('\u001b[1m')
  } finally {
    terminal.close()
  }
})

test('targets and intended refusals are those of the configuration', async () => {
  configure({
    targets: {
      hitRatePercent: 99,
      p95Seconds: 1_000,
      errorPercent: 99,
      dailySpendUsd: 10_000,
      semanticNetUsd: -9,
    },
    intendedRefusals: ['prod_customer', 'prod_ceo', 'prod_background'],
  })
  const { out } = await report([...WEEK, '--json'])
  const { targets, timezone } = JSON.parse(out)
  expect(timezone).toBe('America/Chicago')
  const statuses = Object.fromEntries(
    targets.map(({ name, status, target }: Record<string, unknown>) => [name, [status, target]]),
  )
  expect(statuses).toEqual({
    'hit-rate': ['missed', 99],
    latency: ['met', 1_000],
    errors: ['met', 99],
    spend: ['met', 10_000],
    semantic: ['met', -9],
    uptime: ['unknown', 99.9],
    quota: ['met', 0],
  })
})

test('--email sends verdict, targets and plots to all recipients, in text and HTML, with the page attached', async () => {
  const { code, err } = await report([...WEEK, '--email'])
  expect({ code, err }).toEqual({ code: 0, err: 'Sent to 2 recipients.\n' })
  const [mail, ...more] = smtp.mails
  expect(more).toEqual([])
  expect(mail?.subject).toMatch(/^LLM gateway: \d targets missed, \$[\d,.]+ spent \(23 Nov to 29 Nov 2026\)$/)
  expect(JSON.stringify(mail?.to)).toContain('ceo@example.com')
  expect(mail?.text).toMatch(/targets missed[\s\S]*The calls cost \$[\s\S]*Cache hit rate/)
  expect(mail?.html).toMatch(/targets missed[\s\S]*The calls cost \$[\s\S]*Cache hit rate/)
  expect(mail?.html).not.toMatch(/<script|<img|http:|https:/)
  const [page] = mail?.attachments ?? []
  expect(page?.filename).toBe('llm-gateway-2026-11-23-to-2026-11-29.html')
  expect(page?.content.toString()).toContain('<svg')
})

test('a mail that the server does not take is a failure: at once for a 5xx, after three attempts for a 4xx', async () => {
  const before = smtp.refusals()
  smtp.become('refuse')
  const refused = await report([...WEEK, '--email', '--json'])
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/The mail was not accepted: .*550.*\nCheck mail\.from and mail\.to/)
  // One for each recipient.
  expect(smtp.refusals() - before).toBe(2)
  smtp.become('greylist')
  const postponed = await report([...WEEK, '--email', '--json'])
  expect(postponed.err).toMatch(/The mail was not accepted: .*451/)
  expect(smtp.refusals() - before).toBe(8)
  expect(smtp.mails).toEqual([])
  expect(refused.err + postponed.err).not.toContain('p@ss')
})

test('--html writes the page', async () => {
  const file = join(folder, 'week.html')
  const { code, err } = await report([...WEEK, '--html', file])
  expect({ code, err }).toEqual({ code: 0, err: `Written: ${file}\n` })
  expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg[\s\S]*<\/html>\n$/)
})
