import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { JsonObject } from '../core/json.ts'
import { canonical, parseExactNumbers } from './canonical.ts'
import { hasRepeated } from './repeated.ts'

const written = (number: string) => {
  const text = `{"seed":${number}}`
  return canonical(parseExactNumbers(text, JSON.parse(text) as JsonObject))
}

/** A number's exact value, as digits without zeros at either end and the power of ten; no double is involved. */
function exactValue(number: string): string {
  const [, sign = '', whole = '', part = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(number) ?? []
  const digits = (whole + part).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  return `${sign}${kept}e${Number(power) - part.length + digits.length - kept.length}`
}

const digits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[1-9][0-9]{${min},${max}}$`))
const numbers = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(fc.constant('0'), digits(0, 20)),
    part: fc.option(fc.stringMatching(/^\d{1,20}$/), { nil: undefined }),
    power: fc.option(fc.oneof(fc.integer({ min: -30, max: 30 }), fc.integer({ min: -450, max: 450 })), {
      nil: undefined,
    }),
  })
  .map(({ sign, whole, part, power }) =>
    [sign, whole, part && `.${part}`, power === undefined ? '' : `e${power}`].join(''),
  )

/** One number, and one that differs from it in a digit. */
const near = fc.tuple(numbers, fc.nat(), fc.nat(9)).map(([number, at, digit]) => {
  const places = [...number.matchAll(/\d/g)]
    .map(({ index }) => index)
    .filter((index) => index > 0 || number.length === 1)
  const place = places[at % Math.max(1, places.length)] ?? 0
  return [number, number.slice(0, place) + digit + number.slice(place + 1)] as const
})

const isJson = (text: string) => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('numbers of different value are different, however many digits they have', () => {
  fc.assert(
    fc.property(near, ([one, other]) => {
      fc.pre(isJson(one) && isJson(other) && exactValue(one) !== exactValue(other))
      expect(written(one)).not.toBe(written(other))
    }),
    { numRuns: runs(5_000) },
  )
})

test.each([
  ['123456789012345.671', '123456789012345.672'],
  ['90071992547409.93e2', '90071992547409.92e2'],
  ['1e400', '1e500'],
  ['1e-400', '0'],
  ['1e-400', '2e-400'],
  ['9007199254740993', '9007199254740992'],
])('%s is not %s', (one, other) => {
  expect(written(one)).not.toBe(written(other))
})

test('numbers that a double holds are the same in each way to write them', () => {
  expect(written('0.5')).toBe(written('5e-1'))
  expect(written('1.0')).toBe(written('1'))
})

const names = fc.constantFrom('a', 'b', ':', '"', '\\', 'a"b:', '')
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('null', '1', '"a:b"', '"\\":"', '"{\\"a\\":1}"'),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(' , ')}]`),
  object: fc
    .array(fc.tuple(names, tie('value')), { maxLength: 4 })
    .map(
      (members) =>
        `{${members.map(([name, value]) => `${JSON.stringify(name)} : ${value as string}`).join(',\n')}}`,
    ),
})).object as fc.Arbitrary<string>

/** By its own reading: a walk through the text that keeps the names of each object apart. */
function repeats(text: string): boolean {
  const open: Set<string>[] = []
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (token.endsWith(':')) {
      const name = token.slice(0, token.lastIndexOf('"') + 1)
      if (open.at(-1)?.has(name)) return true
      open.at(-1)?.add(name)
    }
  }
  return false
}

test('a member that is written twice is found at any depth, and only where there is one', () => {
  fc.assert(
    fc.property(values, (text) => {
      expect(hasRepeated(text, JSON.parse(text) as JsonObject)).toBe(repeats(text))
    }),
    { numRuns: runs(2_000) },
  )
})
