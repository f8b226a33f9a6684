import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { conversions } from './foreign.ts'

const example = fileURLToPath(new URL('../fixtures/conversions.ts', import.meta.url))
const config = fileURLToPath(new URL('../../tsconfig.json', import.meta.url))

test('nothing that may be an object is turned into text or a number: foreign JSON may hold a toString that is no function', () => {
  expect(conversions(config, /\/packages\/(gateway|ops)\/src\//)).toEqual([])
})

test('the search for such conversions finds each kind of them', () => {
  const found = conversions(config, /^$/, [example])
  expect(found.map(({ text }) => text)).toEqual(['inString', 'inNumber', 'inTemplate', 'inSum', 'inPlus'])
})
