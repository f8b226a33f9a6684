import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../call.ts'
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

test('reasoning goes on, also where content follows it without any', () => {
  const deltas = [
    { reasoning_content: 'let ' },
    { reasoning_content: 'me' },
    { content: 'x', reasoning_content: null },
  ]
  expect(messageOf(...deltas)).toMatchObject({ content: 'x', reasoning_content: 'let me' })
})

test('a label that is repeated is said once; one that changes is not added up', () => {
  expect(messageOf({ provider: 'p', content: 'x' }, { provider: 'p' })).toMatchObject({ provider: 'p' })
  expect(messageOf({ provider: 'p', content: 'x' }, { provider: 'q' })).toBeUndefined()
})

test('names that objects inherit are members like any other, and __proto__ is none', () => {
  const inherited = {
    constructor: 'a',
    toString: 1,
    hasOwnProperty: null,
    content: 'x',
  } as unknown as JsonObject
  expect(messageOf(inherited, inherited)).toMatchObject({ content: 'xx', constructor: 'a', toString: 1 })
  expect(messageOf(JSON.parse('{"__proto__":{"polluted":1},"content":"x"}'))).toBeUndefined()
  expect(({} as JsonObject).polluted).toBeUndefined()
})
