import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hmacOf, isSigned, SIGNATURE_BYTES, signatureOf, signerOf } from './signature.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each))

test('an HMAC is that of node:crypto, for keys and values of any length', () => {
  const long = fc.integer({ min: 65_400, max: 65_700 }).map((length) => Buffer.alloc(length, 'a'))
  const parts = fc.array(fc.oneof({ weight: 8, arbitrary: bytes(200) }, long), { maxLength: 4 })
  fc.assert(
    fc.property(bytes(100), parts, (key, parts) => {
      const expected = createHmac('sha256', key).update(Buffer.concat(parts)).digest('hex')
      expect(hmacOf(key, parts).toString('hex')).toBe(expected)
    }),
  )
})

test('a signature holds for its key, place and bytes alone', () => {
  const different = fc.tuple(bytes(40), bytes(40)).filter(([one, other]) => !one.equals(other))
  fc.assert(
    fc.property(different, different, fc.string(), ([key, otherKey], [value, otherValue], place) => {
      const signature = signatureOf(key, `${place}\n`, value)
      expect(signature).toHaveLength(SIGNATURE_BYTES)
      expect(isSigned(signature, key, `${place}\n`, value)).toBe(true)
      expect(isSigned(signature, key, `${place} \n`, value)).toBe(false)
      expect(isSigned(signature, key, `${place}\n`, otherValue)).toBe(false)
      // HMAC pads keys with zeros: two keys that differ in these alone are one.
      if (!trimmed(key).equals(trimmed(otherKey)))
        expect(isSigned(signature, otherKey, `${place}\n`, value)).toBe(false)
      expect(isSigned(signature.subarray(1), key, `${place}\n`, value)).toBe(false)
    }),
  )
})

const trimmed = (key: Buffer) => Buffer.from(key.toString('latin1').replace(/\0+$/, ''), 'latin1')

test('keys derived from one secret are never those of another, whichever was used before', () => {
  const of = (secret: string) => signerOf(secret)('name').toString('hex')
  const [one, other, again] = [of('a'), of('b'), of('a')]
  expect(again).toBe(one)
  expect(other).not.toBe(one)
})
