import type { GatewayOptions } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

/** Multiplies the number of cases, for long runs. */

let redis: RedisServer
let upstream: FakeOpenAI
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

async function gateway(options: GatewayOptions = {}): Promise<Setup['client']> {
  const patient = { redisMs: 5_000, connectMs: 5_000 }
  const { client } = await setup(
    { redis: redis.url, quota: false, metrics: false, deadlines: patient, ...options },
    { baseURL: upstream.baseURL },
  )
  open.push({ close: () => client.gateway.close() })
  return client
}

async function answerTo(client: Setup['client'], content: string) {
  const { data, response } = await client.chat.completions.create(ask(content)).withResponse()
  return { nth: Number(data.choices[0]?.message.content), cache: response.headers.get('x-gateway-cache') }
}

type Saved = Map<string, Buffer>

async function saved(pattern: string): Promise<Saved> {
  const keys = await redis.admin.keys(pattern)
  const values = await Promise.all(keys.map((key) => redis.admin.getBuffer(key)))
  return new Map(keys.flatMap((key, at) => (values[at] ? [[key, values[at]]] : [])))
}

async function putBack(all: Saved) {
  for (const [key, value] of all) await redis.admin.set(key, value)
}

const STAMPS = 'gw:{*epoch*'
const FAR = `${String(Date.now() + 10 * 86_400_000).padStart(15, '0')}-abcdefghijkl`

/** What a writer to Redis, who has copied all of it before, does to the stamps of purges. */
const attacks = {
  'leaves the stamps': async () => undefined,
  'deletes the stamps': async () => {
    for (const key of await redis.admin.keys(STAMPS)) await redis.admin.del(key)
  },
  'puts the old stamps back': async (old: Saved) => {
    for (const key of await redis.admin.keys(STAMPS)) await redis.admin.del(key)
    await putBack(old)
  },
  'writes what are no stamps': async () => {
    for (const key of await redis.admin.keys(STAMPS)) await redis.admin.set(key, 'x.y')
  },
  'writes stamps of another time': async () => {
    for (const key of await redis.admin.keys(STAMPS)) await redis.admin.set(key, `${FAR}.${FAR}`)
  },
  'mixes the old stamp of everything with the new one': async (old: Saved) => {
    for (const [key, stamp] of await saved(STAMPS)) {
      const [whole = ''] = (old.get(key)?.toString() ?? '.').split('.')
      await redis.admin.set(key, `${whole}.${stamp.toString().split('.')[1]}`)
    }
  },
}

const EVERYTHING = [{}, { team: 'prod_customer' }] as const
const WHOLE: ReadonlySet<unknown> = new Set(EVERYTHING)
const PURGES = [...EVERYTHING, { agent: 'support' }, { model: 'gpt-4o-mini' }, 'key'] as const

test('whatever a writer to Redis puts back, no process that made a purge or heard of it gives what was purged', async () => {
  // Two hear of purges; the last one asks Redis each time.
  const all = [await gateway(), await gateway(), await gateway({ cache: { exact: { localSeconds: 0 } } })]
  let run = 0
  for (const client of all) await answerTo(client, 'warm')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PURGES),
      fc.constantFrom(...(Object.keys(attacks) as (keyof typeof attacks)[])),
      fc.nat(2),
      fc.boolean(),
      fc.boolean(),
      async (purge, attack, by, isPurgedBefore, isRead) => {
        run += 1
        const content = `put back ${run}`
        const purger = all[by] ?? (await gateway())
        if (isPurgedBefore) await purger.gateway.purge({})
        const known = await saved('gw:{prod_customer}:x:*')
        const first = await answerTo(purger, content)
        await purger.gateway.flush()
        // The others have it in memory, too, or not.
        if (isRead) for (const client of all) expect((await answerTo(client, content)).nth).toBe(first.nth)
        const stamps = await saved(STAMPS)
        const entries = await saved('gw:{prod_customer}:x:*')
        for (const key of known.keys()) entries.delete(key)
        const [key = ''] = entries.keys()
        await purger.gateway.purge(purge === 'key' ? { key } : purge)
        await attacks[attack](stamps)
        await putBack(entries)
        for (const client of all) {
          const { nth } = await answerTo(client, content)
          expect(nth, `${attack} after ${JSON.stringify(purge)}`).toBeGreaterThan(first.nth)
        }
        // While the stamps stand, a purge of everything holds for those, too, who have never heard of it.
        if (attack === 'leaves the stamps' && WHOLE.has(purge)) {
          await putBack(entries)
          const newcomer = await gateway()
          expect((await answerTo(newcomer, content)).nth, JSON.stringify(purge)).toBeGreaterThan(first.nth)
          await newcomer.gateway.flush()
        }
        for (const client of all) await client.gateway.flush()
        expect(entries.size).toBe(1)
        await redis.admin.del(...entries.keys())
        // Begins the next run with stamps that are in order.
        for (const what of [{}, { team: 'prod_customer' }]) await purger.gateway.purge(what)
      },
    ),
    { numRuns: runs(60) },
  )
})

test('a process that knows better puts lost stamps right, so that answers are stored again', async () => {
  const [one, other] = [await gateway(), await gateway()]
  await answerTo(one, 'mended warm')
  await other.gateway.purge({ team: 'prod_customer' })
  await answerTo(one, 'mended')
  const stamps = await saved('gw:{prod_customer}:epoch')
  expect(stamps.size).toBe(1)
  await redis.admin.del(...stamps.keys())
  // What a process finds missing it tells Redis, once a second at most.
  for (let asked = 0; (await saved('gw:{prod_customer}:epoch')).size === 0 && asked < 500; asked += 1)
    await answerTo(one, `mended ${asked}`)
  expect(await saved('gw:{prod_customer}:epoch')).toEqual(stamps)
  const { nth } = await answerTo(one, 'mended at last')
  await one.gateway.flush()
  expect(await answerTo(await gateway(), 'mended at last')).toEqual({ nth, cache: 'exact' })
})

test('a stamp from the future counts as missing, and the next purge does not go by it', async () => {
  const [one, other] = [await gateway(), await gateway()]
  await redis.admin.set('gw:{prod_customer}:epoch', `${FAR}.${FAR}`)
  const before = await answerTo(one, 'future')
  await one.gateway.purge({ team: 'prod_customer' })
  const stamp = String(await redis.admin.get('gw:{prod_customer}:epoch'))
  expect(Number.parseInt(stamp, 10)).toBeLessThan(Date.now() + 3_600_001)
  const after = await answerTo(one, 'future')
  expect(after.nth).toBeGreaterThan(before.nth)
  await one.gateway.flush()
  expect(await answerTo(other, 'future')).toEqual({ nth: after.nth, cache: 'exact' })
})

test.each([
  ['of another time, for all teams', { all: `${FAR}.${FAR}` }],
  ['of another time, for one', { own: { prod_customer: `${FAR}.${FAR}` } }],
  ['of no time', { all: 'x.y', own: { prod_customer: '.' } }],
])('a notice with stamps %s costs the answers in memory, and no later ones', async (_, stamped) => {
  const [one, other] = [await gateway(), await gateway()]
  const content = JSON.stringify(stamped)
  for (const client of [one, other]) await answerTo(client, `${content} warm`)
  await one.gateway.purge({ team: 'other' })
  expect(await redis.admin.publish('gw:purge', JSON.stringify({ purge: {}, stamped }))).toBeGreaterThan(1)
  // A purge that waits for each of them comes after the notice.
  await one.gateway.purge({ team: 'other' })
  const { nth } = await answerTo(one, content)
  await one.gateway.flush()
  expect(await answerTo(other, content)).toEqual({ nth, cache: 'exact' })
})
