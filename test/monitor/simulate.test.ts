import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { randomOf } from '../random.ts'
import { sampled } from '../runs.ts'
import { type Line, type Span, week } from './weeks.ts'

const folder = mkdtempSync(join(tmpdir(), 'gateway-simulate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Sent = { at: number; kind: string; alert: string; alerts: string[] }

async function simulated(lines: Line[], config: object = {}): Promise<Sent[]> {
  const [file, settings] = [join(folder, 'week.jsonl'), join(folder, 'monitor.json')]
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'))
  writeFileSync(settings, JSON.stringify({ notify: { repeatSeconds: 1e9, escalateSeconds: 0 }, ...config }))
  const { code, out, err } = await llmGateway(
    ['monitor', '--config', settings, '--simulate', file, '--json'],
    {},
  )
  expect(code, err).toBe(0)
  return JSON.parse(out) as Sent[]
}

const MINUTE_MS = 60_000

/** Raw lines by minute. */
type Raw = ReadonlyMap<number, Line[]>
type Test = (window: Line[]) => boolean

/**
 * Returns the messages about a condition from the raw calls alone. It is active by the calls of the last 5 minutes; it fires
 * when active in 2 evaluations on end (for 60 s), is told at the next one (after the group wait of 30 s), and is over when
 * inactive in 3 on end (for 120 s).
 */
function oracle(lines: Line[], isActive: Test): string[] {
  const raw: Raw = Map.groupBy(lines, ({ at }) => Date.parse(at) / MINUTE_MS)
  const [first, last] = [Math.min(...raw.keys()), Math.max(...raw.keys())]
  const activeAt = (minute: number) =>
    isActive([0, 1, 2, 3, 4].flatMap((back) => raw.get(minute - back) ?? []))
  const minutes = Array.from({ length: last - first + 1 }, (_, at) => first + at)
  const active = minutes.map(activeAt)
  const events: string[] = []
  const time = (at: number) => new Date((first + at + 1) * MINUTE_MS).toISOString()
  let isOpen = false
  for (const at of active.keys()) {
    if (!isOpen && at > 0 && active[at] && active[at - 1]) {
      isOpen = true
      if (at + 1 < active.length) events.push(`firing ${time(at + 1)}`)
    } else if (isOpen && at > 1 && !active[at] && !active[at - 1] && !active[at - 2]) {
      isOpen = false
      events.push(`resolved ${time(at)}`)
    }
  }
  return events
}

const sum = (lines: Line[], field: 'calls' | 'errors') => lines.reduce((all, line) => all + line[field], 0)

const tooManyErrors: Test = (window) =>
  sum(window, 'calls') >= 20 && sum(window, 'errors') / sum(window, 'calls') > 0.05

const tooSlow: Test = (window) => {
  const all = window.flatMap(({ latencyMs }) =>
    Object.entries(latencyMs).flatMap(([ms, calls]) => Array.from({ length: calls }, () => Number(ms))),
  )
  const p95 = all.toSorted((a, b) => a - b)[Math.ceil(all.length * 0.95) - 1] ?? 0
  return sum(window, 'calls') >= 20 && p95 > 10_000
}

const of = (sent: Sent[], alert: string) =>
  sent.filter((one) => one.alert === alert).map(({ kind, at }) => `${kind} ${new Date(at).toISOString()}`)

describe('a simulated week', () => {
  test('that is quiet sends nothing', async () => {
    expect(await simulated(week(randomOf(1), []))).toEqual([])
  })

  test.each(sampled([2, 3, 4]))(
    'that is noisy (seed %d) sends exactly what an oracle finds in the raw calls',
    async (seed) => {
      const random = randomOf(seed)
      const spans: Span[] = Array.from({ length: 14 }, (_, number) => ({
        kind: number % 2 === 0 ? ('errors' as const) : ('slow' as const),
        from: Math.floor(random() * 10_000),
        minutes: 1 + Math.floor(random() * 40),
        share: 0.03 + random() * 0.3,
      }))
      const lines = week(random, spans)
      const sent = await simulated(lines)
      const errors = oracle(lines, tooManyErrors)
      const slow = oracle(lines, tooSlow)
      expect(errors.length).toBeGreaterThan(4)
      expect(slow.length).toBeGreaterThan(4)
      expect(of(sent, 'error-rate')).toEqual(errors)
      expect(of(sent, 'latency')).toEqual(slow)
      expect(sent.filter(({ alert }) => !['error-rate', 'latency'].includes(alert))).toEqual([])
    },
  )

  test('a day that spends too much is told once, and is over at midnight of the time zone, whatever its length', async () => {
    // Summer time ends in Berlin on 25 October 2026: that day has 25 hours.
    const start = Date.parse('2026-10-24T22:00:00Z')
    const lines: Line[] = Array.from({ length: 26 * 60 }, (_, minute) => ({
      at: new Date(start + minute * MINUTE_MS).toISOString(),
      team: 'other',
      calls: 1,
      errors: 0,
      costUsd: 0.07,
      latencyMs: { 900: 1 },
    }))
    const sent = await simulated(lines, { timezone: 'Europe/Berlin' })
    // 0.07 $ a minute: beyond 100 $ with minute 1,429. Until then the pace says so, from 3 hours before.
    expect(of(sent, 'daily-spend')).toEqual([
      'firing 2026-10-25T21:50:00.000Z',
      'resolved 2026-10-25T23:03:00.000Z',
    ])
    expect(sent.map(({ alert }) => alert)).toContain('burn-rate')
  })

  test('is printed as a table, with the time zone', async () => {
    const spans: Span[] = [{ kind: 'errors', from: 100, minutes: 15, share: 0.5 }]
    await simulated(week(randomOf(5), spans, 300))
    const { out, err } = await llmGateway(['monitor', '--simulate', join(folder, 'week.jsonl')], {})
    expect(out).toMatch(
      /^2026-11-02 \d\d:\d\d {2}firing {6}error-rate-1 +\d+ of \d+ calls failed .*\n2026-11-02 \d\d:\d\d {2}resolved/,
    )
    expect(err).toContain('2 messages would have been sent (times in UTC).')
  })

  test('with a line that is not valid is refused with its number', async () => {
    const file = join(folder, 'bad.jsonl')
    writeFileSync(file, '{"at":"2026-11-02T00:00:00Z"}\n{"at":"yesterday"}\n')
    const { code, err } = await llmGateway(['monitor', '--simulate', file], {})
    expect(code).toBe(2)
    expect(err).toContain('bad.jsonl, line 2')
    const gone = await llmGateway(['monitor', '--simulate', join(folder, 'gone.jsonl')], {})
    expect([gone.code, gone.err]).toEqual([2, expect.stringContaining('gone.jsonl cannot be read (ENOENT)')])
  })
})
