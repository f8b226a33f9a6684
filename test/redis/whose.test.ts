import { type CachePolicy, type GatewayOptions, gatewayOptions } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

/** Multiplies the number of cases, for long runs. */

let redis: RedisServer
let upstream: FakeOpenAI
beforeAll(async () => {
  redis = await startRedis()
  // Each answer tells for which call it was made: calls carry their number where no cache looks.
  upstream = await startFakeOpenAI({
    tokens: 'approximate',
    latencyMs: 5,
    answer: ({ headers }) => String(headers['x-request-id']),
  })
})
const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})
afterAll(async () => {
  await upstream.close()
  await redis.close()
})

async function gateway(options: GatewayOptions, client: object = {}): Promise<Setup> {
  const it = await setup(
    { quota: false, metrics: false, deadlines: { redisMs: 5_000, connectMs: 5_000 }, ...options },
    { baseURL: upstream.baseURL, ...client },
  )
  open.push({ close: () => it.client.gateway.close() })
  return it
}

const one = <Value>(...values: Value[]) => fc.constantFrom(undefined, ...values)
const unknownName = fc.stringMatching(/^[a-z]{3,8}-[a-z]{3,8}$/).map((name) => `q${name}`)
const word = fc.stringMatching(/^[!-~]{1,12}$/)

/** All that may say whose a call is. Headers of any name but those of the list of neutral ones decide. */
const asking = fc.record({
  apiKey: fc.constantFrom('sk-one', 'sk-two'),
  headers: fc.record({
    'x-tenant-id': one('t1', 't2'),
    'api-key': one('k1', 'k2'),
    cookie: one('session=1', 'session=2'),
    'accept-language': one('de', 'en'),
    'x-portkey-config': one('pc-1', 'pc-2'),
    'openai-organization': one('org-1'),
    'openai-project': one('proj-1'),
    'openai-beta': one('assistants=v2'),
  }),
  unknown: fc.option(fc.tuple(fc.constantFrom('qx-one', 'qx-two'), fc.constantFrom('1', '2')), {
    nil: undefined,
  }),
  query: one('1', '2'),
  user: one('u1', 'u2', ' '),
  safety: one('s1', 's2'),
  session: one('T1', 'T2'),
  person: one('p1', 'p2'),
})
type Asking = typeof asking extends fc.Arbitrary<infer It> ? It : never

/** Headers that every call has anew, and that change no answer. */
const tracing = fc
  .record({
    id: fc.uuid(),
    vendor: fc.dictionary(
      fc
        .constantFrom('x-datadog-', 'x-b3-', 'x-stainless-', 'x-instana-', 'uberctx-')
        .chain((prefix) => fc.stringMatching(/^[a-z]{1,8}$/).map((name) => prefix + name)),
      word,
      { maxKeys: 3 },
    ),
    names: fc.subarray([
      'traceparent',
      'tracestate',
      'baggage',
      'b3',
      'sentry-trace',
      'x-amzn-trace-id',
      'idempotency-key',
      'x-cloud-trace-context',
      'uber-trace-id',
      'newrelic',
      'x-correlation-id',
      'user-agent',
      'accept',
    ]),
  })
  .map(({ id, vendor, names }) => ({ ...vendor, ...Object.fromEntries(names.map((name) => [name, id])) }))

/** What makes two calls one, by what the policy promises; `undefined`: nothing does. */
function ownerOf(
  { apiKey, headers, unknown, query, ...user }: Asking,
  policy: CachePolicy,
): string | undefined {
  const { cookie, 'api-key': key, ...deciding } = headers
  const account = policy.sharedBetweenAccounts ? [] : [apiKey, cookie, key]
  const names = [user.user, user.safety, user.session, user.person]
  if (policy.sharedBetweenUsers !== false) names.length = 0
  else if (!names.some((name) => name?.trim())) return undefined
  return JSON.stringify([deciding, unknown, query, account, names].map((part) => part ?? null))
}

let calls = 0

/** The number of the call, and that of the call whose answer it got. */
async function numbers(client: Setup['client'], it: Asking, trace: object, run: number) {
  calls += 1
  const call = calls
  const { session, person } = it
  const wishes = { ...(session !== undefined && { session }), ...(person !== undefined && { user: person }) }
  const headers = {
    ...trace,
    ...it.headers,
    ...(it.unknown && { [it.unknown[0]]: it.unknown[1] }),
    ...gatewayOptions(wishes).headers,
    'x-request-id': String(call),
  }
  const body = { ...ask('How much was refunded?'), seed: run, user: it.user, safety_identifier: it.safety }
  const query = it.query === undefined ? {} : { query: { version: it.query } }
  const { choices } = await client
    .withOptions({ apiKey: it.apiKey })
    .chat.completions.create(body as OpenAI.ChatCompletionCreateParamsNonStreaming, { headers, ...query })
  return { call, from: Number(choices[0]?.message.content) }
}

const policies: [string, CachePolicy][] = [
  ['as it is', {}],
  ['never between users', { sharedBetweenUsers: false }],
  ['between accounts', { sharedBetweenAccounts: true }],
  ['never between users, but between accounts', { sharedBetweenUsers: false, sharedBetweenAccounts: true }],
]

test.each(policies.flatMap(([name, cache]) => [true, false].map((shared) => [name, shared, cache] as const)))(
  'policy %s, Redis %s: an answer goes to whom it belongs, at once or later, and to all of those',
  async (_, shared, cache) => {
    const options: GatewayOptions = {
      policy: { cache },
      // With a secret in common, nothing but the account in the key keeps two of them apart.
      ...((shared || cache.sharedBetweenAccounts) && { key: 'the team key' }),
      ...(shared && { redis: redis.url, coalesce: { crossProcess: true } }),
    }
    const { client } = await gateway(options)
    const other = shared ? (await gateway(options)).client : client
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(asking, tracing, fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 16 }),
        // As like each other as can be: all but a little of the first.
        fc.option(
          fc.subarray(
            Object.keys({
              apiKey: 0,
              headers: 0,
              unknown: 0,
              query: 0,
              user: 0,
              safety: 0,
              session: 0,
              person: 0,
            }) as (keyof Asking)[],
          ),
        ),
        async (all, varied) => {
          run += 1
          const seed = run + Date.now()
          const [first] = all
          const owners = new Map<number, string | undefined>()
          const given: { call: number; from: number }[] = []
          const waiting: Promise<void>[] = []
          for (const [own, trace, waits, elsewhere] of all) {
            const same =
              varied &&
              Object.fromEntries(
                Object.entries(first?.[0] ?? {}).filter(([name]) => !varied.includes(name as keyof Asking)),
              )
            const it = { ...own, ...same } as Asking
            owners.set(calls + 1, ownerOf(it, cache))
            const asked = numbers(elsewhere ? other : client, it, trace, seed)
            waiting.push(asked.then((numbers) => void given.push(numbers)))
            if (waits) {
              await Promise.all(waiting)
              await Promise.all([client, other].map((each) => each.gateway.flush()))
            }
          }
          await Promise.all(waiting)
          for (const { call, from } of given) {
            if (call === from) continue
            expect(owners.get(from)).toBeDefined()
            expect(owners.get(call)).toBe(owners.get(from))
          }
          // Upstream got each shareable question once per owner: tracing headers do not prevent sharing.
          const asked = given.filter(({ call, from }) => call === from).map(({ call }) => owners.get(call))
          const apart = asked.filter((owner) => owner === undefined).length
          expect(asked.length - apart).toBe(new Set(asked.filter((owner) => owner !== undefined)).size)
        },
      ),
      { numRuns: runs(25) },
    )
  },
)

test('any header that no list names is part of the key, whatever it is called', async () => {
  const { client } = await gateway({})
  const asked = async (headers: Record<string, string>, seed: number) => {
    calls += 1
    const options = { headers: { ...headers, 'x-request-id': String(calls) } }
    const { choices } = await client.chat.completions.create({ ...ask('x'), seed }, options)
    return Number(choices[0]?.message.content)
  }
  let seed = 0
  await fc.assert(
    fc.asyncProperty(unknownName, word, word, async (name, value, other) => {
      fc.pre(value !== other)
      seed += 1
      const answers = [
        await asked({ [name]: value }, seed),
        await asked({ [name]: other }, seed),
        await asked({}, seed),
      ]
      expect(new Set(answers).size).toBe(3)
      expect(await asked({ [name]: value }, seed)).toBe(answers[0])
    }),
    { numRuns: runs(40) },
  )
})

test('a key that upstream has revoked is told so, whatever others were answered', async () => {
  const strict = await startFakeOpenAI({ tokens: 'approximate', apiKeys: ['good'] })
  open.push(strict)
  const { client } = await gateway({ redis: redis.url }, { baseURL: strict.baseURL, maxRetries: 0 })
  const good = client.withOptions({ apiKey: 'good' })
  await good.chat.completions.create(ask('x'))
  await client.gateway.flush()
  const revoked = client.withOptions({ apiKey: 'revoked' })
  await expect(revoked.chat.completions.create(ask('x'))).rejects.toMatchObject({ status: 401 })
  await good.chat.completions.create(ask('x'))
  expect(strict.count()).toBe(2)
})

test('accounts that share, without a secret in common, do so in one process alone', async () => {
  const policy = { cache: { sharedBetweenAccounts: true } }
  const asked = async ({ client }: Setup, apiKey: string) => {
    calls += 1
    const headers = { 'x-request-id': String(calls) }
    const one = client.withOptions({ apiKey })
    return Number((await one.chat.completions.create(ask('fleet'), { headers })).choices[0]?.message.content)
  }
  const alone = await gateway({ policy, redis: redis.url })
  const first = await asked(alone, 'sk-1')
  expect(await asked(alone, 'sk-2')).toBe(first)
  const fleet = { policy, redis: redis.url, cache: { exact: { secret: 'a secret of the fleet' } } }
  const [here, there] = [await gateway(fleet), await gateway(fleet)]
  const second = await asked(here, 'sk-1')
  expect(second).not.toBe(first)
  await here.client.gateway.flush()
  expect(await asked(there, 'sk-2')).toBe(second)
})

test('no key in Redis lets a guess of a credential be tested without the secret', async () => {
  const keysOf = async (secret: string) => {
    await redis.admin.flushall()
    const { client } = await gateway({ redis: redis.url, cache: { exact: { secret } } }, { apiKey: 'weak' })
    await client.chat.completions.create(ask('x'), { headers: { 'x-request-id': '1' } })
    await client.gateway.flush()
    return await redis.admin.keys('gw:*:x:*')
  }
  const [one, other] = [await keysOf('the secret of one'), await keysOf('the secret of two')]
  expect(one).toHaveLength(1)
  expect(one).not.toEqual(other)
})
