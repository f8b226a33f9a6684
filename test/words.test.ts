import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Passage, proseOf, testNamesOf } from './source/text.ts'

/** Folders that are still being rewritten; a folder leaves this list when its text is done. */
const NOT_YET: string[] = ['client.ts', 'config', 'gateway', 'http', 'pipeline.ts'].map(
  (name) => `packages/gateway/src/${name}`,
)

/** Words of riddles: pronouns without a noun, and amounts without a unit. */
const BANNED = [
  'whoever',
  'nobody',
  'somebody',
  'everybody',
  'so (?:many|long|far)',
  'is none',
  'of ours',
  'asks? for (?:it|them)sel(?:f|ves)',
  'has been told',
  'who cannot',
].join('|')
const PYTHON = 'is None'
// A phrase may go on in the next line of a comment.
const PATTERN = new RegExp(`\\b(?:${BANNED.replaceAll(' ', '[\\s*]+')})\\b`, 'gi')

/** Word lists of the English language, and texts that customers write: data, not descriptions. */
const DATA = /\/semantic\/(?:guards|query)\/[a-z-]+(?:\.test)?\.ts$/

const root = fileURLToPath(new URL('..', import.meta.url))

const filesIn = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name).replaceAll('\\', '/'))
    .filter((name) => !/node_modules|\/dist\//.test(name) && statSync(join(root, name)).isFile())

const packages = readdirSync(join(root, 'packages')).filter((name) => name !== 'node_modules')
const files = [
  ...['README.md', 'AGENTS.md', 'CHANGELOG.md'],
  ...packages.flatMap((name) => filesIn(`packages/${name}`)),
  ...filesIn('docs'),
  ...filesIn('examples'),
  // This file has the banned words as data.
  ...filesIn('test').filter((name) => name !== 'test/words.test.ts'),
]
  .filter((name) => /\.(md|ts|lua|sql)$/.test(name))
  .filter((name) => !NOT_YET.some((folder) => name.startsWith(folder)))

const isComment = ({ text }: Passage) => text.startsWith('/')

/**
 * Returns the texts of a file that people read: all lines of a page; comments and strings of code; comments and names of
 * tests, whose other strings are data.
 */
function passagesOf(name: string): Passage[] {
  const text = readFileSync(join(root, name), 'utf8')
  if (text.search(PATTERN) === -1) return []
  if (name.endsWith('.ts')) {
    const passages = proseOf(name, text)
    if (name.startsWith('test/')) return [...passages.filter(isComment), ...testNamesOf(name, text)]
    return DATA.test(name) ? passages.filter(isComment) : passages
  }
  if (name.endsWith('.md')) return [{ line: 1, text }]
  const lines = text.split('\n').map((text, at) => ({ line: at + 1, text }))
  return lines.filter(({ text }) => text.includes('--'))
}

const bannedIn = (passages: Passage[]) =>
  passages.flatMap(({ line, text }) =>
    [...text.matchAll(PATTERN)]
      .filter(([word]) => word !== PYTHON)
      .map(({ 0: word, index }) => ({
        line: line + text.slice(0, index).split('\n').length - 1,
        word: word.replaceAll(/[\s*]+/g, ' '),
      })),
  )

test('no page, comment, message or test name has a banned word', () => {
  const found = files.flatMap((name) =>
    bannedIn(passagesOf(name)).map(({ line, word }) => `${name}:${line}: ${word}`),
  )
  expect(found, found.join('\n')).toEqual([])
})

test('the search finds a banned word in a comment, a string and a template, and none in code', () => {
  const code = [
    '// Nobody waits.',
    'const nobody = 1',
    'test(`somebody asks`, () => nobody) /* one of',
    ' * ours */',
  ]
  const found = bannedIn(proseOf('a.ts', code.join('\n')))
  expect(found).toEqual([
    { line: 1, word: 'Nobody' },
    { line: 3, word: 'somebody' },
    { line: 3, word: 'of ours' },
  ])
})

test('the search finds a banned word in the name of a test, a row and a table, and none in its data', () => {
  const code = [
    'test(`nobody asks`, { timeout: 1 }, () => say("nobody"))',
    'test.each([["JSON that is none", "nobody"]])("%s for whoever", () => {})',
    'const table = { "a key of ours": "nobody", nobody: 1 }',
    'describe(`somebody $' + '{name}`, function () {})',
  ]
  const found = bannedIn(testNamesOf('a.test.ts', code.join('\n')))
  expect(found.toSorted((one, other) => one.line - other.line)).toEqual([
    { line: 1, word: 'nobody' },
    { line: 2, word: 'whoever' },
    { line: 2, word: 'is none' },
    { line: 3, word: 'of ours' },
    { line: 4, word: 'somebody' },
  ])
})
