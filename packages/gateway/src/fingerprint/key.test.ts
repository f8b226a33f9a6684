import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Call } from '../core/call.ts'
import type { JsonObject } from '../core/json.ts'
import { canonical } from './canonical.ts'
import { keysOf } from './key.ts'

const shuffled = (value: unknown, random: () => number, ordered = false): string => {
  const space = () => ' '.repeat(Math.floor(random() * 3))
  if (typeof value !== 'object' || value === null) return space() + JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => shuffled(item, random, ordered)).join()}]`
  const entries = Object.entries(value)
  if (!ordered) entries.sort(() => random() - 0.5)
  return `${space()}{${entries.map(([key, member]) => `${JSON.stringify(key)}${space()}:${shuffled(member, random, ordered || key === 'properties')}`).join()}}`
}

function keyOf(
  text: string,
  operation: Call['operation'] = 'chat',
  team = 'a',
  headers = {},
  signed = false,
): string {
  const body = JSON.parse(text) as JsonObject
  const call = {
    operation,
    body,
    parsed: { body },
    model: String(body.model ?? 'auto'),
    caller: { team, crossTeamCache: false },
    policy: { policy: {} },
    controls: { cache: {} },
    outbound: { text, url: 'http://u/v1/x', headers: new Headers(headers), ...(signed && { signed }) },
  } as unknown as Call
  const keys = keysOf(call)
  return 'bypass' in keys ? `bypass ${keys.bypass}` : keys.exact
}

const member = fc.constantFrom('seed', 'temperature', 'stop', 'logit_bias', 'unheard_of', 'response_format')
const bodies = fc.record({
  model: fc.constant('m'),
  messages: fc.array(fc.record({ role: fc.constant('user'), content: fc.string({ unit: 'grapheme' }) })),
})
const extras = fc.dictionary(
  member,
  fc.jsonValue({ maxDepth: 4 }).filter((value) => value !== null),
)

test('the order of keys and white space never change the key', () => {
  fc.assert(
    fc.property(
      bodies,
      extras,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (body, extra, dice) => {
        const whole = { ...body, ...extra }
        const random = () => dice.next().value ?? 0.5
        expect(keyOf(shuffled(whole, random))).toBe(keyOf(JSON.stringify(whole)))
      },
    ),
    { numRuns: runs(100) },
  )
})

test('any change of a parameter that can change the answer changes the key', () => {
  fc.assert(
    fc.property(bodies, extras, extras, (body, one, other) => {
      fc.pre(canonical(one) !== canonical(other))
      expect(keyOf(JSON.stringify({ ...body, ...one }))).not.toBe(
        keyOf(JSON.stringify({ ...body, ...other })),
      )
    }),
    { numRuns: runs(100) },
  )
})

test("the order of a schema's properties is part of the question", () => {
  const ask = (properties: object) =>
    keyOf(
      JSON.stringify({
        model: 'm',
        messages: [],
        response_format: { type: 'json_schema', json_schema: { schema: { type: 'object', properties } } },
      }),
    )
  expect(ask({ a: { type: 'string' }, b: { type: 'string' } })).not.toBe(
    ask({ b: { type: 'string' }, a: { type: 'string' } }),
  )
})

test('integers that doubles cannot tell apart are told apart', () => {
  expect(keyOf('{"model":"m","seed":9007199254740993}')).not.toBe(
    keyOf('{"model":"m","seed":9007199254740992}'),
  )
})

test('who asks and how it is shown are not part of the question; absent, null and n: 1 are the same', () => {
  const plain = keyOf('{"model":"m"}')
  const views = [
    '"stream":true',
    '"stream_options":{"include_usage":true}',
    '"user":"u"',
    '"metadata":{"a":"b"}',
    '"prompt_cache_key":"k"',
    '"n":1',
    '"stop":null',
    '"store":false',
  ]
  for (const view of views) expect(keyOf(`{"model":"m",${view}}`)).toBe(plain)
  expect(keyOf('{"model":"m","n":2}')).not.toBe(plain)
  expect(keyOf('{"model":"m"}', 'chat', 'b')).not.toBe(plain)
})

test('a float and a base64 embedding of one text are two answers', () => {
  const ask = (format: string) =>
    keyOf(`{"model":"m","input":"x","encoding_format":"${format}"}`, 'embeddings')
  expect(ask('float')).not.toBe(ask('base64'))
})

test.each([
  ['store', '"store":true'],
  ['web search', '"web_search_options":{}'],
  ['audio out', '"modalities":["text","audio"]'],
  ['a tool never heard of', '"tools":[{"type":"browser"}]'],
  [
    'a remote image',
    '"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]',
  ],
])('%s is never shared', (_, members) => {
  expect(keyOf(`{"model":"m",${members}}`)).toMatch(/^bypass /)
})

const signedBy = (accessKey: string, at = 0) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${accessKey}/202611${20 + at}/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=0${at}`,
  'x-amz-date': `202611${20 + at}T120000Z`,
  'x-amz-content-sha256': `0${at}`,
})

test('requests that a client of this process signs for AWS have one key for each access key', () => {
  const keyFor = (accessKey: string, at: number) =>
    keyOf('{"model":"m"}', 'chat', 'a', signedBy(accessKey, at), true)
  expect(keyFor('AKIA1', 1)).toBe(keyFor('AKIA1', 0))
  expect(keyFor('AKIA2', 0)).not.toBe(keyFor('AKIA1', 0))
})

test('a signature for AWS that came from outside shares nothing, unless something secret is shown with it', () => {
  const keyFor = (headers: object) => keyOf('{"model":"m"}', 'chat', 'a', headers)
  expect(keyFor(signedBy('AKIA1'))).toBe('bypass unproven-account')
  expect(keyFor({ ...signedBy('AKIA1'), 'x-tenant-id': 't' })).toBe('bypass unproven-account')
  expect(keyFor({ authorization: 'AWS4-' })).toBe('bypass unproven-account')
  const withToken = (token: string, at: number) =>
    keyFor({ ...signedBy('ASIA1', at), 'x-amz-security-token': token })
  expect(withToken('one', 1)).toBe(withToken('one', 0))
  expect(withToken('two', 0)).not.toBe(withToken('one', 0))
})

test('without credentials there is a key all the same, and any credential makes another', () => {
  const plain = keyOf('{"model":"m"}')
  for (const name of [
    'authorization',
    'api-key',
    'x-api-key',
    'cookie',
    'proxy-authorization',
    'x-goog-api-key',
  ])
    expect(keyOf('{"model":"m"}', 'chat', 'a', { [name]: 'k' })).not.toBe(plain)
})

test('a body with a member written twice, at any depth, has no key', () => {
  const bodyOf = (inner: string) => `{"model":"m","messages":[{"role":"user","content":"x"}]${inner}}`
  const twice = fc.constantFrom(
    ',"seed":1,"seed":1',
    ',"model":"n"',
    ',"metadata":{"a":"1","a":"2"}',
    ',"tools":[{"type":"function","function":{"name":"f","name":"g"}}]',
  )
  const once = fc.constantFrom(
    '',
    ',"seed":1',
    ',"metadata":{"a":"1","b":{"a":"2"}}',
    ',"stop":["seed","seed"]',
  )
  fc.assert(
    fc.property(once, twice, fc.constantFrom('', ' ', '\n'), (plain, repeated, space) => {
      const keyed = keyOf(bodyOf(plain) + space)
      expect(keyed).toMatch(/^gw:/)
      expect(keyOf(bodyOf(repeated) + space)).toBe('bypass repeated-member')
    }),
    { numRuns: runs(100) },
  )
})

test('without routing, a request that names no model is another question than one for a model called `auto`', () => {
  const [unnamed, none, named] = ['{}', '{"model":null}', '{"model":"auto"}'].map((text) => keyOf(text))
  expect(unnamed).toBe(none)
  expect(unnamed).not.toBe(named)
})
