import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { identifiersOf } from './source/text.ts'

/** Folders whose names are still being replaced; a folder leaves this list when it is done. */
const NOT_YET: string[] = ['client.ts', 'gateway', 'http', 'index.ts', 'pipeline.ts', 'policy'].map(
  (name) => `packages/gateway/src/${name}`,
)

/** Words of others: `payer` is a field of OpenAI's answers. */
const FOREIGN = ['packages/gateway/src/cache-entry/dictionary.ts']

const root = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(join(root, 'docs/glossary.md'), 'utf8')
const [terms = '', replaced = ''] = page.split('## Replaced words')

const rowsOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (term|word) /.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
const spansIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)

const sources = readdirSync(join(root, 'packages'))
  .flatMap((name) => {
    const folder = `packages/${name}/src`
    try {
      return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        `${folder}/${file}`.replaceAll('\\', '/'),
      )
    } catch {
      return []
    }
  })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }))

test('each term has one row, a meaning in one sentence or two, and an identifier', () => {
  const rows = rowsOf(terms)
  expect(rows.length).toBeGreaterThan(30)
  expect(new Set(rows.map(([term]) => term)).size).toBe(rows.length)
  for (const [term, meaning = '', code = ''] of rows) {
    expect(meaning, term).toMatch(/\.$/)
    expect(spansIn(code), term).not.toEqual([])
  }
})

test('each identifier of the glossary occurs in the code', () => {
  const named = rowsOf(terms).flatMap(([, , code = '']) => spansIn(code))
  const all = sources.filter(({ name }) => !name.endsWith('.test.ts')).map(({ text }) => text)
  const missing = named.filter((name) => !all.some((text) => new RegExp(`\\b${name}\\b`).test(text)))
  expect(missing).toEqual([])
})

/** `shelvesOf`, `SHELF_MS` and `shelf` hold the word `shelf`. */
const wordsOf = (identifier: string) =>
  identifier
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)

const formsOf = (word: string) => [word, `${word}s`, word.replace(/f$/, 'ves')]

test('no identifier holds a replaced word', () => {
  const words = new Set(
    rowsOf(replaced)
      .flatMap(([left = '', , right = '']) => [...spansIn(left), ...spansIn(right)])
      .flatMap(formsOf),
  )
  expect(words.size).toBeGreaterThan(20)
  const any = new RegExp([...words].join('|'), 'i')
  const found = sources
    .filter(({ name }) => ![...NOT_YET, ...FOREIGN].some((folder) => name.startsWith(folder)))
    .filter(({ text }) => any.test(text))
    .flatMap(({ name, text }) =>
      identifiersOf(name, text)
        .filter(({ text }) => wordsOf(text).some((word) => words.has(word)))
        .map(({ line, text }) => `${name}:${line}: ${text}`),
    )
  expect(found, found.join('\n')).toEqual([])
})
