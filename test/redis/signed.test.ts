import { createHmac } from 'node:crypto'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

/** Multiplies the number of cases, for long runs. */

let redis: RedisServer
let upstream: FakeOpenAI
beforeAll(async () => {
  redis = await startRedis()
  // Each answer says what was asked, by whom, and when it was asked first.
  upstream = await startFakeOpenAI({
    tokens: 'approximate',
    answer: ({ headers, body }) => JSON.stringify([headers.authorization, body.messages]),
  })
})
beforeEach(() => redis.admin.flushall())
const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})
afterAll(async () => {
  await upstream.close()
  await redis.close()
})

async function gateway(options: object = {}): Promise<Setup> {
  const it = await setup(
    {
      redis: redis.url,
      quota: false,
      metrics: false,
      deadlines: { redisMs: 5_000, connectMs: 5_000 },
      ...options,
    },
    { baseURL: upstream.baseURL, maxRetries: 0 },
  )
  open.push({ close: () => it.client.gateway.close() })
  return it
}

const QUESTIONS = ['May I have a refund?', 'Is it in stock?', 'Where is my parcel? '.repeat(40)]
const ACCOUNTS = ['sk-one', 'sk-two']
const all = QUESTIONS.flatMap((content) => ACCOUNTS.map((apiKey) => ({ content, apiKey })))

async function answerTo({ client }: Setup, { content, apiKey }: (typeof all)[number]): Promise<string> {
  const { choices } = await client.withOptions({ apiKey }).chat.completions.create(ask(content))
  return choices[0]?.message.content ?? ''
}
const right = ({ content, apiKey }: (typeof all)[number]) =>
  JSON.stringify([`Bearer ${apiKey}`, ask(content).messages])

/** What a client with write access to Redis does to the value of a key. `undefined`: puts no string there. */
const attacks = fc.oneof(
  fc.record({ type: fc.constant('flip'), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ type: fc.constant('cut'), at: fc.nat() }),
  fc.record({ type: fc.constant('extend'), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  fc.record({ type: fc.constant('copy'), from: fc.nat() }),
  fc.record({ type: fc.constant('unsign') }),
  fc.record({ type: fc.constant('resign'), secret: fc.constantFrom('', 'llm-gateway', 'sk-one', 'gw') }),
  fc.record({ type: fc.constant('age') }),
  fc.record({ type: fc.constant('garbage'), bytes: fc.uint8Array({ maxLength: 80 }) }),
)

function attacked(
  values: Buffer[],
  target: number,
  attack: typeof attacks extends fc.Arbitrary<infer It> ? It : never,
): Buffer {
  const value = Buffer.from(values[target] ?? '')
  const frame = value.subarray(0, -16)
  switch (attack.type) {
    case 'flip': {
      const { at = 0, by = 1 } = attack as { at?: number; by?: number }
      value[at % value.length] = (value[at % value.length] ?? 0) ^ by
      return value
    }
    case 'cut':
      return value.subarray(0, (attack as { at: number }).at % value.length)
    case 'extend':
      return Buffer.concat([value, (attack as { bytes: Uint8Array }).bytes])
    case 'copy':
      return values[(attack as { from: number }).from % values.length] ?? value
    case 'unsign':
      return frame
    case 'resign': {
      const { secret } = attack as { secret: string }
      return Buffer.concat([frame, createHmac('sha256', secret).update(frame).digest().subarray(0, 16)])
    }
    case 'age':
      value[2] = (value[2] ?? 1) - 1
      return value
    default:
      return Buffer.from((attack as { bytes: Uint8Array }).bytes)
  }
}

test('whatever is done to values in Redis, an answer is given where it belongs, or asked afresh', async () => {
  const first = await gateway()
  for (const it of all) await answerTo(first, it)
  await first.client.gateway.flush()
  const keys = (await redis.admin.keys('gw:*:x:*')).toSorted()
  expect(keys).toHaveLength(all.length)
  const values = (await Promise.all(keys.map((key) => redis.admin.getBuffer(key)))) as Buffer[]
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(keys.length - 1), attacks), { minLength: 1, maxLength: 6 }),
      async (acts) => {
        const now = [...values]
        for (const [target, act] of acts) now[target] = attacked(values, target, act)
        await Promise.all(keys.map((key, at) => redis.admin.set(key, now[at] ?? '')))
        const changed = now.filter((value, at) => !value.equals(values[at] ?? Buffer.of())).length
        const asked = upstream.count()
        const fresh = await gateway()
        for (const it of all) expect(await answerTo(fresh, it)).toBe(right(it))
        expect(upstream.count() - asked).toBe(changed)
        expect(fresh.client.gateway.stats().sharedCache).toMatchObject({
          corrupt: changed,
          errors: 0,
          hits: all.length - changed,
        })
        await fresh.client.gateway.close()
      },
    ),
    { numRuns: runs(40) },
  )
})

test('a process that holds an answer serves no other words for it, whatever becomes of its value in Redis', async () => {
  const holding = await gateway({ cache: { exact: { localSeconds: 0 } } })
  for (const it of all) await answerTo(holding, it)
  await holding.client.gateway.flush()
  const before = upstream.count()
  for (const it of all) expect(await answerTo(holding, it)).toBe(right(it))
  expect(upstream.count()).toBe(before)
  await fc.assert(
    fc.asyncProperty(fc.nat(), attacks, async (target, act) => {
      const keys = (await redis.admin.keys('gw:*:x:*')).toSorted()
      const values = (await Promise.all(keys.map((key) => redis.admin.getBuffer(key)))) as Buffer[]
      const at = target % keys.length
      await redis.admin.set(keys[at] ?? '', attacked(values, at, act))
      for (const it of all) expect(await answerTo(holding, it)).toBe(right(it))
      await holding.client.gateway.flush()
    }),
    { numRuns: runs(100) },
  )
})

test("an answer that one team's key signed is not another's, and not that of who has none", async () => {
  const [signed, other, none] = [
    await gateway({ key: 'team key 1' }),
    await gateway({ key: 'team key 2' }),
    await gateway(),
  ]
  const [it] = all
  if (it === undefined) return
  await answerTo(signed, it)
  await signed.client.gateway.flush()
  const [key = ''] = await redis.admin.keys('gw:*:x:*')
  const value = (await redis.admin.getBuffer(key)) ?? ''
  for (const reader of [other, none]) {
    const before = upstream.count()
    await answerTo(reader, it)
    await reader.client.gateway.flush()
    expect(upstream.count()).toBe(before + 1)
    // Put where that reader looks, it is not believed either.
    const own = (await redis.admin.keys('gw:*:x:*')).filter((name) => name !== key)
    for (const name of own) await redis.admin.set(name, value)
    const again = await gateway(reader === other ? { key: 'team key 2' } : {})
    await answerTo(again, it)
    expect(again.client.gateway.stats().sharedCache).toMatchObject({ corrupt: 1, errors: 0 })
    for (const name of own) await redis.admin.del(name)
  }
})

test('an expired answer is not served, even where its key was made persistent', async () => {
  const short = await gateway({ cache: { exact: { ttlSeconds: 0.05, staleIfErrorSeconds: 0 } } })
  const [it] = all
  if (it === undefined) return
  await answerTo(short, it)
  await short.client.gateway.flush()
  for (const key of await redis.admin.keys('gw:*:x:*')) await redis.admin.persist(key)
  await new Promise((resolve) => setTimeout(resolve, 80))
  const before = upstream.count()
  await answerTo(await gateway(), it)
  expect(upstream.count()).toBe(before + 1)
})
