import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { createLz4 } from './lz4.ts'

const shared = Buffer.from('The order left the kitchen. The order is on its way. '.repeat(2))
const value = Buffer.from(
  'Hello: the order left the kitchen at noon, the order is on its way, on its way, on its way home!',
)

/** Blocks of the reference implementation, LZ4 1.9.4, with the dictionary `shared` and without one. */
const BY_REFERENCE = [
  [shared, '8f48656c6c6f3a20743c000697206174206e6f6f6e2c2400097900172c5000080c006020686f6d6521'],
  [
    Buffer.alloc(0),
    'f10648656c6c6f3a20746865206f72646572206c6566740f00f1016b69746368656e206174206e6f6f6e2c1500022400ef6973206f6e20697473207761792c0c00046020686f6d6521',
  ],
] as const

/** Values with repetitions, words of the dictionary, and noise. */
const values = fc
  .array(
    fc.oneof(
      fc.constantFrom('The order left the kitchen. ', 'on its way', 'ab', 'abcabcabc', 'x'.repeat(300)),
      fc.string({ unit: 'binary', maxLength: 40 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.from(parts.join('')))

test.each(BY_REFERENCE)('a block of the reference implementation is read', (dictionary, block) => {
  const { decompress } = createLz4(dictionary)
  expect(decompress(Buffer.from(block, 'hex'), value.length).toString()).toBe(value.toString())
})

test('what was compressed comes back, with any dictionary, and is hardly longer than it was', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(shared, Buffer.alloc(0)),
      fc.array(values, { maxLength: 5 }),
      (dictionary, all) => {
        const { compress, decompress } = createLz4(dictionary)
        for (const each of all) {
          const block = compress(each)
          expect(block.length).toBeLessThanOrEqual(each.length * 1.01 + 16)
          expect(decompress(block, each.length)).toEqual(each)
        }
      },
    ),
    { numRuns: runs(1_000) },
  )
})

test('a block that was changed, cut or made up gives a value of the length, or a RangeError', () => {
  const { compress, decompress } = createLz4(shared)
  const given = (block: Uint8Array, length: number) => {
    try {
      return decompress(block, length).length
    } catch (error) {
      return error instanceof RangeError ? 'RangeError' : error
    }
  }
  const lengths = fc.nat({ max: 2_000 })
  fc.assert(
    fc.property(
      values,
      fc.nat(),
      fc.nat(255),
      lengths,
      fc.uint8Array({ maxLength: 200 }),
      (value, place, byte, length, made) => {
        const block = compress(value)
        const changed = Buffer.from(block)
        changed[place % block.length] = byte
        expect(given(changed, value.length)).toBeOneOf([value.length, 'RangeError'])
        expect(given(block.subarray(0, place % block.length), value.length)).toBeOneOf([
          value.length,
          'RangeError',
        ])
        expect(given(block, length)).toBe(length === value.length ? length : 'RangeError')
        expect(given(made, length)).toBeOneOf([length, 'RangeError'])
      },
    ),
    { numRuns: runs(3_000) },
  )
})
