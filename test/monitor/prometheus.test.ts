import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { hasProgram } from '../../packages/infra/check/debian.ts'
import { CONDITIONS } from '../../packages/ops/src/monitor/conditions/all.ts'
import { renderMetrics } from '../../packages/ops/src/monitor/prometheus.ts'
import type { MonitorStatus } from '../../packages/ops/src/monitor/run.ts'

// Debian's package is 19 MB.
const fileOf = (path: string) => fileURLToPath(new URL(`../../packages/infra/${path}`, import.meta.url))
const RULES = fileOf('prometheus/alerts.yml')
const hasPromtool = hasProgram('promtool', 'prometheus')

/** A monitor that has measured everything, and has an open incident. */
const STATUS = {
  name: 'one',
  lastAt: 1_700_000_000_000,
  counts: { delivered: 3, retried: 1, rejected: 0 },
  queued: 2,
  last: {
    role: 'leader',
    stored: {
      state: {
        incidents: {
          down: {
            members: { x: { alert: 'down', severity: 'critical', labels: { target: 'gate"way\n\\' } } },
          },
        },
      },
    },
    measured: {
      redisTrouble: '',
      calls: {
        window: { calls: 20, errors: 1, degraded: 2, p95Ms: 1_500, refusals: { prod_ceo: { a: 2, b: 3 } } },
        today: { usd: 1.5, teams: { prod_ceo: 1.5 } },
      },
      budgets: { prod_ceo: 25 },
      probes: [
        { name: 'gateway', url: 'https://x', ok: true, detail: '', certificateEndsAt: 1_800_000_000_000 },
      ],
      waitingRows: 7,
      clockSkewMs: -1_500,
    },
  },
} as unknown as MonitorStatus

const text = renderMetrics(STATUS)
const series = new Map(
  [...text.matchAll(/^(llm_gateway_\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', labels = '']) => [
    name,
    new Set([...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)),
  ]),
)

type Rule = {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: { summary: string; runbook: string }
}
const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)
type Panel = {
  id: number
  title: string
  targets: { expr: string; legendFormat: string }[]
  gridPos: { x: number; y: number; w: number; h: number }
}
const dashboard = JSON.parse(readFileSync(fileOf('grafana/llm-gateway.json'), 'utf8')) as {
  uid: string
  panels: Panel[]
}
const expressions = [
  ...rules.map(({ alert, expr, annotations }) => ({ where: alert, expr, shown: annotations.summary })),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ where: title, expr, shown: legendFormat })),
  ),
]

test('each figure has a help line, a type, and a value; a label is escaped', () => {
  for (const name of series.keys())
    expect(text).toMatch(
      new RegExp(`^# HELP ${name} \\S.*\\n# TYPE ${name} (gauge|counter)\\n${name}[{ ]`, 'm'),
    )
  expect(text).toContain('target="gate\\"way\\n\\\\"')
  expect(text).toContain('llm_gateway_window_refused_calls{team="prod_ceo"} 5')
  expect(text).toContain('llm_gateway_clock_skew_seconds -1.5')
  expect(text).toContain('llm_gateway_certificate_end_seconds{target="gateway"} 1800000000')
})

test('what was not measured is absent', () => {
  const { counts, name } = STATUS
  const bare = renderMetrics({ name, counts })
  expect(bare).not.toMatch(/NaN|undefined|window_|redis_up/)
})

describe('rules and dashboard', () => {
  test.each(expressions)('$where: $expr reads figures and labels that the monitor has', ({ expr, shown }) => {
    const names = [...expr.matchAll(/llm_gateway_\w+/g)].map(([name]) => name)
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) expect([...series.keys()]).toContain(name)
    const known = new Set([...names.flatMap((name) => [...(series.get(name) ?? [])]), 'instance', 'job'])
    const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
    const matched = [...expr.matchAll(/[{,]\s*(\w+)\s*[=!]/g)].map(([, label = '']) => label)
    const mentioned = [...shown.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(
      ([, label = '']) => label,
    )
    for (const label of [...by, ...matched, ...mentioned]) expect(known).toContain(label)
    // An aggregation keeps the labels of its `by` only.
    if (/\b(max|min|sum) by\b/.test(expr)) for (const label of mentioned) expect(by).toContain(label)
  })

  test('every figure of the monitor is on the dashboard', () => {
    const shown = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n')
    expect([...series.keys()].filter((name) => !shown.includes(name))).toEqual([])
  })

  test('panels have numbers of their own and lie on no other', () => {
    const { panels } = dashboard
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const [at, { gridPos: one }] of panels.entries()) {
      expect(one.x + one.w).toBeLessThanOrEqual(24)
      for (const { gridPos: other } of panels.slice(at + 1))
        expect(
          one.x >= other.x + other.w ||
            other.x >= one.x + one.w ||
            one.y >= other.y + other.h ||
            other.y >= one.y + one.h,
        ).toBe(true)
    }
  })

  test('each rule has a severity and a section of the runbook', () => {
    const names = CONDITIONS.map(({ name }) => name)
    for (const { labels, annotations } of rules) {
      expect(['critical', 'warning', 'info']).toContain(labels.severity)
      const section = annotations.runbook.split('#')[1]
      if (section !== undefined) expect(names).toContain(section)
    }
  })

  test.skipIf(!hasPromtool)("Prometheus' own tool accepts the rules, and the figures", () => {
    const checked = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' })
    expect(`${checked.stdout}${checked.stderr}`).toContain(`SUCCESS: ${rules.length} rules found`)
    const figures = spawnSync('promtool', ['check', 'metrics'], { encoding: 'utf8', input: text })
    expect({ status: figures.status, said: figures.stderr }).toEqual({ status: 0, said: '' })
  })
})
