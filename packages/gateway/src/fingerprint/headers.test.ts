import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accountHeadersOf } from './headers.ts'

const header = fc.record({
  name: fc.constantFrom('authorization', 'api-key', 'x-tenant-id', 'accept-language', 'traceparent'),
  value: fc.constantFrom('a', 'b', 'AWS4-HMAC-SHA256 Credential=k/20260101/eu/bedrock/aws4_request'),
})
const call = fc.record({
  teamKey: fc.constantFrom(undefined, '', 'a'),
  transportName: fc.constantFrom(undefined, 'a', 'b'),
  // Of an AWS signature only access key and scope count, so a second value beside it would not show.
  headers: fc.uniqueArray(header, { maxLength: 3, selector: ({ name }) => name }),
})
type Made = typeof call extends fc.Arbitrary<infer T> ? T : never

const read = ({ teamKey, transportName, headers }: Made) => {
  const sent = new Headers(headers.map(({ name, value }) => [name, value] as [string, string]))
  const parts = transportName === undefined ? { headers: sent } : { headers: sent, transportName }
  return accountHeadersOf({ teamKey, outbound: parts })
}

/** Everything that decides, as a text: two calls that differ in it are of different accounts or questions. */
const shownBy = ({ teamKey, transportName, headers }: Made) => {
  const sent = new Headers(headers.map(({ name, value }) => [name, value] as [string, string]))
  sent.delete('traceparent')
  return JSON.stringify([teamKey ?? null, transportName ?? null, [...sent]])
}

test('whatever call was read before it, a call shows its own headers', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 2, maxLength: 6 }), (calls) => {
      const seen = new Map<string, string>()
      for (const each of [...calls, ...calls.toReversed()]) {
        const found = JSON.stringify(read(each))
        expect(seen.get(shownBy(each)) ?? found).toBe(found)
        seen.set(shownBy(each), found)
      }
      expect(new Set(seen.values()).size).toBe(seen.size)
    }),
    { numRuns: 500 },
  )
})

test('an AWS signature alone only names its account; beside any secret it belongs to a proven one', () => {
  const authorization = 'AWS4-HMAC-SHA256 Credential=k/20260101/eu/bedrock/aws4_request'
  const isPublic = (headers: Record<string, string>, teamKey?: string) =>
    accountHeadersOf({ teamKey, outbound: { headers: new Headers(headers) } }).isPublic
  expect(isPublic({ authorization })).toBe(true)
  expect(isPublic({ authorization, 'x-amz-security-token': 't' })).toBe(false)
  expect(isPublic({ authorization }, 'team')).toBe(false)
  expect(isPublic({ authorization: 'Bearer k' })).toBe(false)
  expect(isPublic({})).toBe(false)
})
