import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { editTopLevel, orderTopLevel } from './json-edit.ts'

const spaced = (value: object, space: string) =>
  `${space}{${Object.entries(value)
    .map(
      ([key, member]) => `${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(member)}${space}`,
    )
    .join(`,${space}`)}}${space}`

const names = fc.constantFrom('model', 'cache', 'metadata', 'a', '"', '}', '\\', 'mo\u0000')

test('the result parses to the changed object, whatever the spacing', () => {
  fc.assert(
    fc.property(
      fc.dictionary(names, fc.jsonValue()),
      fc.dictionary(names, fc.option(fc.jsonValue(), { nil: undefined })),
      fc.constantFrom('', ' ', '\n\t '),
      (value, changes, space) => {
        const texts = Object.fromEntries(
          Object.entries(changes).map(([key, change]) => [
            key,
            change === undefined ? undefined : JSON.stringify(change),
          ]),
        )
        const wanted = Object.fromEntries(
          Object.entries({ ...value, ...changes }).filter(([, member]) => member !== undefined),
        )
        expect(JSON.parse(editTopLevel(spaced(value, space), texts))).toEqual(
          JSON.parse(JSON.stringify(wanted)),
        )
      },
    ),
    { numRuns: runs(1_000) },
  )
})

test.each([
  ['{"model":"a"}', { model: '"b"' }, '{"model":"b"}'],
  ['{ "x" : 9007199254740993 }', { model: '"b"' }, '{ "x" : 9007199254740993,"model":"b" }'],
  ['{"model":1,"model":2,"y":3}', { model: '"b"' }, '{"model":"b","y":3}'],
  ['{"mo\\u0064el":"a"}', { model: '"b"' }, '{"mo\\u0064el":"b"}'],
  ['{"cache":{"}":[1]},"y":"},{"}', { cache: undefined }, '{"y":"},{"}'],
  ['{ }', { a: '1' }, '{"a":1 }'],
])('%s', (source, changes, wanted) => {
  expect(editTopLevel(source, changes)).toBe(wanted)
})

test('a value nested 200,000 deep is stepped over', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  expect(editTopLevel(`{"deep":${deep},"model":1}`, { model: '2' })).toBe(`{"deep":${deep},"model":2}`)
})

test('ordered by name, an object says the same, and in one way', () => {
  const key = fc.string({ maxLength: 6 })
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), fc.integer({ min: 0, max: 2 }), (object, indent) => {
      const ordered = orderTopLevel(JSON.stringify(object, null, indent))
      expect(JSON.parse(ordered)).toEqual(JSON.parse(JSON.stringify(object)))
      const backwards = Object.fromEntries(Object.entries(object).toReversed())
      expect(orderTopLevel(JSON.stringify(backwards, null, indent))).toBe(ordered)
    }),
    { numRuns: runs(100) },
  )
})

test('numbers that a double cannot hold keep all their digits when members are ordered', () => {
  expect(orderTopLevel('{"seed": 12345678901234567890, "a" : 1e400}')).toBe(
    '{"a" : 1e400,"seed": 12345678901234567890}',
  )
})
