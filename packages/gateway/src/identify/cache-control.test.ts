import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { cacheControl } from './cache-control.ts'
import { gatewayOptions } from './headers.ts'

function said(given: unknown) {
  const complaints: string[] = []
  return { control: cacheControl(given, (field) => complaints.push(field)), complaints }
}

test.each([
  ['namespace=a', { namespace: 'a' }],
  ['no-store, namespace=Team A', { noStore: true, namespace: 'Team A' }],
  ['no_store', { noStore: true }],
  ['noStore', { noStore: true }],
  ['No-Cache', { noCache: true }],
  ['max-age=60, ttl=5', { maxAge: 60, ttl: 5 }],
  ['s-maxage=7', { maxAge: 7 }],
  ['exact-only', { semantic: false }],
  ['semantic=false', { semantic: false }],
  ['only-if-cached', { onlyIfCached: true }],
  ['{"namespace":"a","noStore":true}', { namespace: 'a', noStore: true }],
  ['{"no-store":true}', { noStore: true }],
  ['off', false],
  ['false', false],
  ['', undefined],
  ['true', undefined],
  ['public', undefined],
])('%s is obeyed, without a word', (text, control) => {
  expect(said(text)).toEqual({ control, complaints: [] })
})

test.each(['{"namespace":"a"', '{"noStore":true', 'no-sture', 'namespace', '{"namespaces":"a"}', '[1]', '7'])(
  '%s is not understood: it keeps the answer out, and is told of',
  (text) => {
    const { control, complaints } = said(text)
    expect(control).toBe(false)
    expect(complaints.length).toBeGreaterThan(0)
  },
)

test.each([
  [{ cache: 'no-store' }.cache, { noStore: true }],
  [{ noStore: 1 }, { noStore: true }],
  [{ noStore: false, noCache: undefined, ttl: null }, {}],
  [{ semantic: true }, {}],
  [{ ttl: -1 }, false],
  [{ maxAge: 'soon' }, false],
])('%j of a program is %j', (given, control) => {
  expect(said(given).control).toEqual(control)
})

test('a control that the helper of a program cannot send as it is keeps the answer out, and is told of by its reader', () => {
  for (const cache of [{ ttl: Number.NaN }, { maxAge: -1 }, { ttl: 'soon' as unknown as number }]) {
    const header = decodeURIComponent(gatewayOptions({ cache }).headers['x-gateway-cache'] ?? '')
    expect(said(header)).toEqual({ control: false, complaints: ['cache'] })
  }
})

/** A restriction that is cut short anywhere must not allow more than the whole one. */
test('a control that is cut or misspelt anywhere is obeyed, or keeps the answer out, and never allows what it forbade', () => {
  const whole = fc.constantFrom(
    '{"noStore":true,"namespace":"a"}',
    'no-store,namespace=a',
    '{"noCache":true}',
    'no-cache',
  )
  fc.assert(
    fc.property(whole, fc.nat(), fc.nat(), fc.constantFrom('', 'x', '"', '{'), (text, cut, at, by) => {
      const end = 1 + (cut % text.length)
      const where = at % end
      const odd = text.slice(0, where) + by + text.slice(where, end)
      const { control, complaints } = said(odd)
      const isRestricted = control === false || Object.keys(control ?? {}).length > 0
      expect(isRestricted || complaints.length > 0 || /^\W*$/.test(odd), odd).toBe(true)
    }),
    { numRuns: runs(100) },
  )
})
