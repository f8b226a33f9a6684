import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fieldsOf } from './documented-fields.ts'

/** Rows of the first table below a heading: the cells of each, by the words of the table's head. */
function rowsOf(page: string, heading: string): Record<string, string>[] {
  const text = `\n${readFileSync(new URL(`../docs/${page}`, import.meta.url), 'utf8')}`
  const [head = '', , ...rows] =
    (text.split(`\n${heading}\n`)[1] ?? '').match(/^\|.*$(?:\n\|.*$)*/m)?.[0].split('\n') ?? []
  const cells = (row: string) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  const names = cells(head)
  return rows.map((row) => Object.fromEntries(cells(row).map((cell, at) => [names[at] ?? '', cell])))
}

/** Pages mark code and group digits; comments in code do not. */
const plain = (text: string) => text.replaceAll(/[`']|(?<=\d),(?=\d{3})/g, '')

test.each([
  ['every option', 'options.md', '# Options', 'option', 'GatewayOptions', /^policy\./],
  ['every field of a policy', 'policy.md', '## Fields', 'field', 'Policy', /^$/],
])(
  '%s stands in its table with the default of its comment, and no other',
  (_, page, heading, name, type, besides) => {
    const rows = rowsOf(page, heading).map((row) => [plain(row[name] ?? ''), plain(row.default ?? '')])
    const fields = fieldsOf(type).filter(({ path }) => !besides.test(path))
    expect(rows).toEqual(fields.map((field) => [field.path, plain(field.default)]))
  },
)

test('every field of a record stands in its table, with its unit, and whether it may be absent', () => {
  const rows = rowsOf('records-and-sinks.md', '## Fields of a record')
  const fields = fieldsOf('CallRecord')
  expect(rows.map((row) => [plain(row.field ?? ''), row.present])).toEqual(
    fields.map(({ path, isOptional }) => [path, isOptional ? 'may be absent' : 'always']),
  )
  for (const { field = '', unit } of rows) {
    if (/Ms`$/.test(field)) expect(unit, field).toBe('ms')
    if (/Usd`$/.test(field)) expect(unit, field).toBe('US dollars')
    if (/^`usage\./.test(field)) expect(unit, field).toMatch(/^(tokens|calls)$/)
  }
})
