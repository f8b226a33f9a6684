import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { conversions } from './foreign.ts'

const example = fileURLToPath(new URL('../fixtures/conversions.ts', import.meta.url))
const config = fileURLToPath(new URL('../../tsconfig.json', import.meta.url))

// One program for both tests: the types of all sources are read once.
const found = conversions(config, /\/packages\/(gateway|ops)\/src\//, [example])

test('nothing that may be an object is turned into text or a number, or asked for its class unguarded', () => {
  const own = found.filter(({ at }) => at.startsWith('packages/'))
  // The commands run no function of a program.
  expect(own.filter(({ at, isInspected }) => !isInspected || at.startsWith('packages/gateway/'))).toEqual([])
})

test('the search finds each kind of them', () => {
  const kinds = found.filter(({ at }) => !at.startsWith('packages/')).map(({ text }) => text)
  expect(kinds).toEqual(['inString', 'inNumber', 'inTemplate', 'inSum', 'inPlus', 'inInstance'])
})
