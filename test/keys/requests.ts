import { newTeamKey } from '@hotdash/llm-gateway/custody'
import fc from 'fast-check'

const FOREIGN = 'sk-of-the-callers-own-0123456789'
export const PLACEHOLDER = 'kept-by-llm-gateway'
export const KEYS = { a: newTeamKey(), b: 'sk-team-b-0123456789abcdefghijkl' }

const key = fc.constantFrom(KEYS.a, KEYS.b, PLACEHOLDER, FOREIGN)
const spelt = fc
  .tuple(
    key,
    fc.constantFrom(
      (key: string) => `Bearer ${key}`,
      (key: string) => `bearer   ${key}`,
      (key: string) => key,
      (key: string) => `Token "${key}"`,
      (key: string) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`,
      (key: string) => `Bearer ${encodeURIComponent(key)}, Bearer x`,
    ),
  )
  .map(([key, spell]) => spell(key))
const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const headers = fc
  .record({
    authorization: fc.option(
      fc.oneof(
        key.map((key) => `Bearer ${key}`),
        spelt,
      ),
      { nil: undefined },
    ),
    'api-key': seldom(key),
    'x-api-key': seldom(spelt),
    'X-Goog-Api-Key': seldom(key),
    'x-custom': seldom(spelt),
    'x-gateway-token': fc.option(fc.constantFrom(KEYS.a, KEYS.b), { nil: undefined }),
    cookie: seldom(key.map((key) => `session=${key}`)),
  })
  .map(
    (all) =>
      Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<
        string,
        string
      >,
  )
const path = fc.constantFrom(
  '/v1/chat/completions',
  '/v1/responses?beta=true',
  '/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21',
  '/v1/models',
  '/v1/images/generations',
  '/elsewhere',
)
const query = seldom(
  fc
    .tuple(fc.constantFrom('api-key', 'key', 'x'), key, fc.boolean())
    .map(([name, key, isEscaped]) => `${name}=${isEscaped ? escaped(key) : key}`),
)
const escaped = (text: string) =>
  [...text].map((each) => `%${each.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')

const place = fc.constantFrom('home', 'other', 'proxy', 'alias')
export const request = fc.record({
  gateway: fc.nat(6),
  isNaive: fc.boolean(),
  place: fc.oneof({ weight: 2, arbitrary: fc.constant('home' as const) }, { weight: 3, arbitrary: place }),
  user: seldom(key),
  path,
  query,
  headers,
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET'),
  redirect: fc.option(fc.record({ status: fc.constantFrom(301, 302, 303, 307, 308), to: place }), {
    nil: undefined,
  }),
  status: fc.constantFrom(200, 200, 200, 401, 503),
  asRequest: fc.boolean(),
})
