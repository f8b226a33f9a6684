import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { createPieceBytes } from './upstream-response.ts'

test('texts have the bytes of the whole, wherever they are cut', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '👩‍🍳', '"') })
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), (whole, cuts) => {
      const bytesOf = createPieceBytes()
      const ends = [...cuts.map((cut) => Math.min(cut, whole.length)), whole.length].toSorted((a, b) => a - b)
      const pieces = ends.map((end, at) => whole.slice(ends[at - 1] ?? 0, end))
      expect(Buffer.concat(pieces.map(bytesOf)).toString()).toBe(whole)
    }),
    { numRuns: runs(1_000) },
  )
})

test('bytes stay the same object', () => {
  const bytes = new Uint8Array([0xff])
  expect(createPieceBytes()(bytes)).toBe(bytes)
})
