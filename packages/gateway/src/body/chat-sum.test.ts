import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { sumOf } from './chat-sum.ts'

const chunk = (delta: Json, finish_reason: Json = null): JsonObject => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason }],
})
const begins = chunk({ role: 'assistant', content: '' })
const ends = chunk({}, 'stop')

const messageOf = (...deltas: JsonObject[]) =>
  (sumOf([begins, ...deltas.map((delta) => chunk(delta)), ends])?.choices as JsonObject[] | undefined)?.[0]
    ?.message

test('what the SDK replaces and a reader joins is not added up: texts in pieces, labels, lists and names told twice', () => {
  expect(messageOf({ reasoning_content: 'let ' }, { content: 'x' })).toMatchObject({
    reasoning_content: 'let ',
  })
  expect(messageOf({ reasoning_content: 'let ' }, { reasoning_content: 'me' })).toBeUndefined()
  expect(messageOf({ reasoning_content: 'ha' }, { reasoning_content: 'ha' })).toBeUndefined()
  expect(messageOf({ reasoning_content: 'th' }, { content: 'x', reasoning_content: null })).toBeUndefined()
  expect(messageOf({ sources: [1] }, { sources: [1] })).toBeUndefined()
  expect(messageOf({ reasoning: null, score: 1 }, { reasoning: null, score: 1 })).toMatchObject({ score: 1 })
  const tool = (name: string) => ({
    tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name, arguments: '' } }],
  })
  expect(messageOf(tool('f'), tool(''))).toMatchObject({ tool_calls: [{ function: { name: 'f' } }] })
  expect(messageOf(tool('f'), tool('f'))).toBeUndefined()
})

test.each(['user', 'tool', 'developer'])('of the role %s there is no answer', (role) => {
  expect(messageOf({ role, content: 'x' })).toBeUndefined()
})

test.each([null, 0, 'x', {}, []])('annotations that are %j are not added up', (annotations) => {
  expect(messageOf({ content: 'x', annotations })).toBeUndefined()
})

test('names that objects inherit are ordinary members, and __proto__ is not a member', () => {
  const inherited = {
    constructor: 'a',
    toString: 1,
    hasOwnProperty: null,
    content: 'x',
  } as unknown as JsonObject
  expect(messageOf(inherited)).toMatchObject({ content: 'x', constructor: 'a', toString: 1 })
  expect(messageOf(JSON.parse('{"__proto__":{"polluted":1},"content":"x"}'))).toBeUndefined()
  expect(({} as JsonObject).polluted).toBeUndefined()
})

test('of calls at any indexes, told in any number of deltas: two ids at one index are no answer, as the SDK merges them', () => {
  const delta = fc.record({
    index: fc.nat(2),
    id: fc.constantFrom(undefined, '', 'a', 'b'),
    given: fc.constantFrom('', '{}'),
  })
  fc.assert(
    fc.property(fc.array(delta, { minLength: 1, maxLength: 6 }), (drawn) => {
      // Calls have indexes from 0 on, without a gap.
      const used = [...new Set(drawn.map(({ index }) => index))].sort()
      const deltas = drawn.map(({ index, ...rest }) => ({ ...rest, index: used.indexOf(index) }))
      const ids = new Map<number, Set<string>>()
      for (const { index, id = '' } of deltas) {
        const known = ids.get(index) ?? new Set<string>()
        ids.set(index, id === '' ? known : known.add(id))
      }
      const message = messageOf(
        ...deltas.map(({ index, id, given }) => ({
          tool_calls: [
            { index, ...(id !== undefined && { id }), type: 'function', function: { arguments: given } },
          ],
        })),
      )
      const areClear = [...ids.values()].every(({ size }) => size === 1)
      expect(message !== undefined).toBe(areClear)
    }),
    { numRuns: runs(300) },
  )
})
