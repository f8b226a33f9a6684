import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WAYS } from './agent.ts'
import { topics } from './all.ts'
import { differences } from './differences.ts'

const page = readFileSync(new URL('../../docs/litellm.md', import.meta.url), 'utf8')
const section = page.split('## What an agent sees differently')[1]?.split('\n## ')[0] ?? ''
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('|---'))
  .map((line) => line.split('|').slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()))

test('the page has the table of differences, word for word', () => {
  const [head, ...body] = rows
  expect(head).toEqual(['', ...WAYS])
  expect(body).toEqual(
    Object.entries(differences).map(([what, row]) => [what, ...WAYS.map((way) => row[way])]),
  )
})

test('a cell differs from the embedded one where, and only where, a behaviour is seen otherwise', () => {
  for (const [what, row] of Object.entries(differences))
    for (const way of WAYS) {
      const seen = Object.values(row.seen).some((ways) => way in ways)
      expect([what, way, row[way] !== row.embedded]).toEqual([what, way, seen])
    }
})

test('each behaviour has one name, and is in one row at most', () => {
  const names = Object.values(topics).flatMap((behaviours) => Object.keys(behaviours))
  expect(new Set(names).size).toBe(names.length)
  const different = Object.values(differences).flatMap(({ seen }) => Object.keys(seen))
  expect(new Set(different).size).toBe(different.length)
  expect(different.filter((name) => !names.includes(name))).toEqual([])
})
