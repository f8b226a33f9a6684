import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const source = fileURLToPath(new URL('../../packages/gateway/src/', import.meta.url))
const scripts = globSync('**/*.lua', { cwd: source }).map((path) => {
  const text = readFileSync(`${source}${path}`, 'utf8')
  const [header = '', ...rest] = text.split(/^(?!--)/m)
  return { path, header, code: rest.join('') }
})
const programs = scripts.filter(({ header }) => header.includes('-- Input:'))

const names = (pattern: RegExp, where: string) =>
  new Set([...where.matchAll(pattern)].map(([, name]) => name))
const part = (header: string, title: string) =>
  new RegExp(`^-- ${title}:\\n((?:-- {3}.*\\n?)+)`, 'm').exec(header)?.[1] ?? ''

/** Without functions of its own that have a name for what they are for, and no part in the answer. */
const withoutHelpers = (code: string) =>
  code.replace(/^local function (?:order|halves|later)\b[\s\S]*?^end$/gm, '')

test.each(programs)('the header of $path names what the script reads, and no more', ({ header, code }) => {
  const documented = names(/^-- {3}((?:KEYS|ARGV)\[\d+\]) +\S/gm, part(header, 'Input'))
  expect(documented.size).toBeGreaterThan(0)
  expect(documented).toEqual(names(/((?:KEYS|ARGV)\[\d+\])/g, code))
})

test.each(programs)('the header of $path names what the script answers, and no more', ({ header, code }) => {
  const documented = names(/^-- {3}(\S+) {2,}\S/gm, part(header, 'Output'))
  const list = /\n {2}return \{\n((?: {4}.*,\n)+) {2}\}/.exec(code)?.[1]
  // Either one of several words, or a list with a line for each place.
  const answered =
    list === undefined
      ? names(/\breturn (?!'')(\S+)/g, withoutHelpers(code))
      : new Set(
          list
            .trim()
            .split('\n')
            .map((_, at) => String(at + 1)),
        )
  expect(documented).toEqual(answered)
})

test("every field of a team's state is read, and told of in its header", () => {
  const { header, code } = scripts.find(({ path }) => path.endsWith('state.lua')) ?? { header: '', code: '' }
  const fields = /local FIELDS = \{([^}]*)\}/.exec(code)?.[1] ?? ''
  const documented = [...header.matchAll(/^-- {3}(\w+(?:, \w+)*) {2,}\S/gm)].flatMap(([, some]) =>
    some?.split(', '),
  )
  const lists = names(/list_of\(state, '(\w+)'\)/g, scripts.map((script) => script.code).join(''))
  expect(new Set(documented)).toEqual(new Set([...names(/'(\w+)'/g, fields), ...lists]))
})
