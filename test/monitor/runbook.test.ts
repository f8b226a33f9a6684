import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CONDITIONS } from '../../packages/ops/src/monitor/conditions/all.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const names = CONDITIONS.map(({ name }) => name)

test('the runbook has a section for each alert, in the same order, with what it means and what to do', () => {
  const [, ...sections] = read('docs/runbooks/alerts.md').split(/^## /m)
  expect(sections.map((section) => section.split('\n')[0])).toEqual(names)
  for (const section of sections) expect(section).toMatch(/^[a-z-]+\n\n\*\*Means\*\*: [\s\S]+\n\n1\. /)
})

test('the page has a row for each alert, with its severity and a link to its section', () => {
  const rows = [
    ...read('docs/monitoring.md').matchAll(
      /^\| \[`([a-z-]+)`\]\(runbooks\/alerts\.md#([a-z-]+)\) \| ([a-z, ]+) \|/gm,
    ),
  ]
  expect(rows.map(([, name]) => name)).toEqual(names)
  for (const [, name, anchor, severity] of rows) {
    expect(anchor).toBe(name)
    expect(severity).toContain(CONDITIONS.find((condition) => condition.name === name)?.severity)
  }
})
