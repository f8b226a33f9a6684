import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { ask, type Setup, setup, until } from '../support.ts'
import { type RedisServer, startCluster, startRedis } from './server.ts'

let redis: RedisServer
let upstream: FakeOpenAI
/** What is closed when all is done. */
const open: { close: () => unknown }[] = []
beforeAll(async () => {
  redis = await startRedis()
  // Each answer tells which request it was given to.
  upstream = await startFakeOpenAI({
    tokens: 'approximate',
    answer: (request) => String(upstream.requests.indexOf(request)),
  })
  open.push(redis, upstream)
})
afterAll(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

async function gateway(options: GatewayOptions, url = redis.url): Promise<Setup> {
  const it = await setup(
    { redis: url, quota: false, metrics: false, deadlines: { redisMs: 5_000, connectMs: 5_000 }, ...options },
    { baseURL: upstream.baseURL },
  )
  open.push({ close: () => it.client.gateway.close() })
  return it
}

type Client = Setup['client']

/** Number of the request to upstream that the answer was given to. */
async function requestFor(client: Client, content: string, stream = false): Promise<number> {
  if (!stream) return Number((await client.chat.completions.create(ask(content))).choices[0]?.message.content)
  let said = ''
  for await (const chunk of await client.chat.completions.create({ ...ask(content), stream: true }))
    said += chunk.choices[0]?.delta.content ?? ''
  return Number(said)
}

const slow = (ms: number) => upstream.fail({ type: 'latency', ms })

const steps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('ask' as const),
      who: fc.nat(1),
      about: fc.nat(1),
      stream: fc.boolean(),
      ms: fc.constantFrom(0, 0, 5, 30, 60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('purge' as const),
      who: fc.nat(1),
      what: fc.constantFrom({}, { team: 'prod_customer' }, { agent: 'support' }, { model: 'gpt-4o-mini' }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('pause' as const), ms: fc.constantFrom(0, 1, 10, 40) }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'settle' as const }) },
)

/** Two gateways that share no more than two processes would. */
const kinds: [string, GatewayOptions][] = [
  ['with memory before Redis', {}],
  ['asking Redis each time', { cache: { exact: { localSeconds: 0 } } }],
  ['joining across processes', { coalesce: { crossProcess: true } }],
]

test.each(kinds)(
  '%s: whatever the schedule, no answer asked before a purge is given after it',
  async (_, options) => {
    const pair = [await gateway(options), await gateway(options)].map(({ client }) => client) as [
      Client,
      Client,
    ]
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 14 }), async (schedule) => {
        run += 1
        upstream.reset()
        const asking: Promise<void>[] = []
        let [purgedFrom, mustBeFrom] = [0, 0]
        const check = async (client: Client, content: string, stream: boolean) => {
          const since = mustBeFrom
          const nth = await requestFor(client, content, stream)
          expect(upstream.requests[nth]?.at).toBeGreaterThanOrEqual(since)
        }
        for (const step of schedule) {
          if (step.type === 'pause') await sleep(step.ms)
          else if (step.type === 'settle') await Promise.all(asking)
          else if (step.type === 'purge') {
            purgedFrom = Date.now()
            await pair[step.who as 0 | 1].gateway.purge(step.what)
            mustBeFrom = purgedFrom
          } else {
            slow(step.ms)
            asking.push(check(pair[step.who as 0 | 1], `${_} ${run} ${step.about}`, step.stream))
            await sleep(0)
          }
        }
        await Promise.all(asking)
        await Promise.all(pair.map((client) => client.gateway.flush()))
        // Neither was any of them stored.
        for (const client of pair)
          for (const about of [0, 1]) await check(client, `${_} ${run} ${about}`, false)
      }),
      { numRuns: runs(30) },
    )
  },
)

/** A call that is under way: upstream has its request and takes its time. */
async function underWay(client: Client, content: string): Promise<{ answer: Promise<number> }> {
  const before = upstream.count()
  slow(150)
  const asking = requestFor(client, content)
  await until(() => upstream.count() > before, 'upstream is asked')
  return { answer: asking }
}

test.each(['the same process', 'another process'])(
  'an answer that was under way when %s purged reaches its caller and is not stored',
  async (where) => {
    const [one, other] = [(await gateway({})).client, (await gateway({})).client]
    for (const client of [one, other]) await requestFor(client, 'warm')
    const content = `under way, ${where}`
    const old = await underWay(one, content)
    await (where === 'another process' ? other : one).gateway.purge({})
    const fresh = await requestFor(other, content)
    expect(await old.answer).toBeLessThan(fresh)
    for (const client of [one, other]) await client.gateway.flush()
    for (const client of [one, other]) expect(await requestFor(client, content)).toBe(fresh)
  },
)

test.each([{}, { coalesce: { crossProcess: true } }])(
  'a call that comes after a purge joins no flight from before it: %j',
  async (options: GatewayOptions) => {
    const [one, other] = [(await gateway(options)).client, (await gateway(options)).client]
    for (const client of [one, other]) await requestFor(client, 'warm')
    const content = `flight ${JSON.stringify(options)}`
    const old = await underWay(one, content)
    await other.gateway.purge({ agent: 'support' })
    const later = await Promise.all([requestFor(one, content), requestFor(other, content)])
    for (const nth of later) expect(nth).toBeGreaterThan(await old.answer)
    // Nor did they wait for it.
    for (const client of [one, other]) expect(client.gateway.stats().crossProcess?.fallbacks ?? 0).toBe(0)
  },
)

test('a purge of one agent or team leaves the calls of another team as they are', async () => {
  const { client } = await gateway({})
  await requestFor(client, 'warm')
  const old = await underWay(client, 'undisturbed')
  await client.gateway.purge({ team: 'prod_ceo' })
  expect(await requestFor(client, 'undisturbed')).toBe(await old.answer)
  await client.gateway.flush()
  expect(await requestFor(client, 'undisturbed')).toBe(await old.answer)
})

test('an answer that was copied from before a purge of everything, and put back, is not given', async () => {
  const [one, other] = [(await gateway({})).client, (await gateway({})).client]
  const before = await requestFor(one, 'put back')
  await one.gateway.flush()
  const keys = await redis.admin.keys('gw:{prod_customer}:x:*')
  const values = await Promise.all(keys.map((key) => redis.admin.getBuffer(key)))
  await one.gateway.purge({ team: 'prod_customer' })
  for (const [at, key] of keys.entries()) await redis.admin.set(key, values[at] ?? '')
  expect(await requestFor(other, 'put back')).toBeGreaterThan(before)
  expect(other.gateway.stats().sharedCache).toMatchObject({ corrupt: 1, errors: 0 })
})

test('an answer past its time is no last resort once it was purged', async () => {
  const it = await gateway({ cache: { exact: { ttlSeconds: 0.02 } } })
  await requestFor(it.client, 'too old')
  await it.client.gateway.flush()
  await sleep(30)
  upstream.fail({ type: 'hang' })
  const before = upstream.count()
  const asking = it.client.chat.completions.create(ask('too old'), { maxRetries: 0, timeout: 400 })
  const outcome = asking.then(() => 'answered', String)
  await until(() => upstream.count() > before, 'upstream is asked')
  await it.client.gateway.purge({})
  expect(await outcome).toMatch(/timed out/)
})

test('a process that was not told of a purge finds out with its next look, and believes its memory no more', async () => {
  const [one, other] = [(await gateway({})).client, (await gateway({})).client]
  const [x, y] = [await requestFor(one, 'not told x'), await requestFor(one, 'not told y')]
  await one.gateway.flush()
  expect(await requestFor(other, 'not told x')).toBe(x)
  expect(await requestFor(other, 'not told y')).toBe(y)
  // As another process would, whose notice is lost.
  const lost = `${String(Date.now()).padStart(15, '0')}-abcdefghijkl`
  await redis.admin.set('gw:{prod_customer}:epoch', `${lost}.${lost}`)
  expect(await requestFor(other, 'not told z')).toBeGreaterThan(y)
  expect(await requestFor(other, 'not told x')).toBeGreaterThan(y)
  await redis.admin.del('gw:{prod_customer}:epoch')
})

test('what is no stamp stands in the way of nothing but storing, until the next purge', async () => {
  const [one, other] = [(await gateway({})).client, (await gateway({})).client]
  for (const stamp of ['', 'x', 'a b', 'x'.repeat(10_000), '\u0000.\u0000']) {
    await redis.admin.set('gw:{prod_customer}:epoch', stamp)
    await requestFor(one, `stamp ${stamp.length}`)
    await requestFor(other, `stamp ${stamp.length}`)
  }
  await redis.admin.del('gw:{prod_customer}:epoch')
  await redis.admin.lpush('gw:{prod_customer}:epoch', 'a list')
  await requestFor(one, 'a list')
  await one.gateway.purge({ team: 'prod_customer' })
  const nth = await requestFor(one, 'after the list')
  await one.gateway.flush()
  expect(await requestFor(other, 'after the list')).toBe(nth)
})

test('in a cluster a purge of everything reaches calls under way in each team', async () => {
  const cluster = await startCluster()
  open.push(cluster)
  const [one, other] = [(await gateway({}, cluster.url)).client, (await gateway({}, cluster.url)).client]
  for (const client of [one, other]) await requestFor(client, 'cluster warm')
  await one.gateway.flush()
  const old = await underWay(one, 'cluster')
  await other.gateway.purge({})
  const fresh = await requestFor(other, 'cluster')
  expect(fresh).toBeGreaterThan(await old.answer)
  for (const client of [one, other]) await client.gateway.flush()
  for (const client of [one, other]) expect(await requestFor(client, 'cluster')).toBe(fresh)
})

test('an answer under way in a process that does not hear of the purge is kept nowhere either', async () => {
  const [one, other] = [(await gateway({})).client, (await gateway({})).client]
  for (const client of [one, other]) await requestFor(client, 'deaf warm')
  const old = await underWay(one, 'deaf')
  await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await other.gateway.purge({})
  const nth = await old.answer
  await one.gateway.flush()
  expect(await requestFor(one, 'deaf')).toBeGreaterThan(nth)
  expect(await requestFor(other, 'deaf')).toBeGreaterThan(nth)
})

test('a purge resolves once every process that listens has confirmed it', async () => {
  const { client } = await gateway({})
  await requestFor(client, 'receipts')
  const ear = new Redis(redis.url)
  open.push({ close: () => ear.disconnect() })
  await ear.subscribe('gw:purge')
  let given = false
  ear.on('message', (_channel, message) => {
    const { receipt } = JSON.parse(message)
    if (receipt === undefined) return
    setTimeout(() => {
      given = true
      void redis.admin.incr(`gw:{*}:heard:${receipt}`)
    }, 100)
  })
  await client.gateway.purge({})
  expect(given).toBe(true)
})
