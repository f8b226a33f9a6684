import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { headersFromRaw, layeredHeaders } from './layered-headers.ts'

const name = fc.oneof(
  fc.constantFrom('content-type', 'Content-Type', 'x-a', 'X-A', 'x-b', 'set-cookie', 'not a name', ''),
  fc.string({ maxLength: 4 }),
)
const value = fc.oneof(
  fc.constantFrom('', ' ', ' a ', 'é', '日本', 'a\r\nb', 'text/plain'),
  fc.string({ maxLength: 6 }),
)
const step = fc.oneof(
  fc.record({ do: fc.constantFrom('set' as const, 'append' as const), name, value }),
  fc.record({ do: fc.constantFrom('get' as const, 'has' as const, 'delete' as const), name }),
  fc.record({
    do: fc.constantFrom(
      'list' as const,
      'keys' as const,
      'each' as const,
      'cookies' as const,
      'copy' as const,
    ),
  }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function play(headers: Headers, { do: what, ...rest }: Step): unknown {
  const { name = '', value = '' } = rest as { name?: string; value?: string }
  try {
    if (what === 'set' || what === 'append') return headers[what](name, value)
    if (what === 'get' || what === 'has' || what === 'delete') return headers[what](name)
    if (what === 'list') return [[...headers], [...headers.entries()]]
    if (what === 'keys') return [[...headers.keys()], [...headers.values()]]
    if (what === 'cookies') return headers.getSetCookie()
    if (what === 'copy') return [...new Response(null, { headers: new Headers(headers) }).headers]
    const seen: unknown[] = []
    headers.forEach((value, name, parent) => void seen.push([name, value, parent === headers]))
    return seen
  } catch (error) {
    return (error as Error).constructor.name
  }
}

test('whatever is done with them, they are as any other Headers', () => {
  const upstream = fc.array(
    fc.constantFrom<[string, string]>(
      ['x-a', '1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['date', 'x'],
    ),
  )
  fc.assert(
    fc.property(upstream, fc.array(step, { maxLength: 12 }), (given, steps) => {
      const usual = new Headers(given)
      const rest = layeredHeaders(new Headers(given))
      for (const each of steps) expect(play(rest, each)).toEqual(play(usual, each))
      const native = rest.native()
      expect([[...native], native.getSetCookie()]).toEqual([[...usual], usual.getSetCookie()])
    }),
    { numRuns: runs(2_000) },
  )
})

test("upstream's own are left as they are", () => {
  const upstream = new Headers({ 'x-a': '1' })
  const rest = layeredHeaders(upstream)
  rest.set('x-a', '2')
  rest.append('x-a', '3')
  expect([rest.get('x-a'), upstream.get('x-a')]).toEqual(['2, 3', '1'])
})

test('everything that Headers have, they have of their own', () => {
  const rest = Object.getPrototypeOf(layeredHeaders())
  expect(Object.getOwnPropertyNames(Headers.prototype).filter((name) => !Object.hasOwn(rest, name))).toEqual(
    [],
  )
})

test("a connection's raw headers are those of fetch, also where a name is there twice, in bytes or as text", () => {
  const names = fc.constantFrom('x-a', 'X-A', 'x-b', 'Set-Cookie', 'Content-Type')
  const values = fc.constantFrom('1', '2', 'text/plain', 'caf\u00e9', '')
  const pairs = fc.array(fc.tuple(names, values, fc.boolean()), { maxLength: 6 })
  fc.assert(
    fc.property(pairs, (given) => {
      const raw = given.flatMap(([name, value, asBytes]): (string | Buffer)[] =>
        asBytes ? [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')] : [name, value],
      )
      const expected = new Headers()
      for (const [name, value] of given) expected.append(name, value)
      expect([...headersFromRaw(raw).native()]).toEqual([...expected])
    }),
    { numRuns: runs(300) },
  )
})
