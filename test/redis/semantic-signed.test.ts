import type { GatewayOptions } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { afterEach, expect, test } from 'vitest'
import { createRedisConnection } from '#src/redis/connection.ts'
import { emptyLabels, estimate } from '#src/semantic/decision/threshold/labels.ts'
import { createSharedLabels } from '#src/semantic/decision/threshold/shared.ts'
import { runs } from '../runs.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const SECRET = 'shared by all processes'
const Q1 = 'How do I return shoes to you'
const Q2 = 'How does one return shoes to your shop'
const WARM = 'Which woods do you use for tables'

/** To it, everything means the same. */
const alike = {
  ...embedder,
  embed: async (texts: readonly string[]) => texts.map(() => new Float32Array(embedder.dimensions).fill(1)),
}

async function server(): Promise<RedisServer> {
  const redis = await startRedis()
  open.push(redis)
  return redis
}

let nth = 0
/** Without digits, which are looked at more closely. */
const spelled = (count: number) => [...`${count}`].map((digit) => 'bcdfghkmpq'[Number(digit)]).join('')

type More = { judge?: boolean; baseURL?: string; transport?: typeof fetch; options?: GatewayOptions }

async function gateway(redis: RedisServer, { judge = false, baseURL, transport, options = {} }: More = {}) {
  const it = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 5_000 },
      policy: {
        cache: {
          exact: false,
          semantic: {
            mode: 'on',
            threshold: 0.95,
            guards: [],
            errorBudget: 1,
            judge: judge && { rate: 1, perHour: 1e6 },
          },
        },
      },
      cache: { semantic: { embedder: alike, secret: SECRET, deadlineMs: 5_000 } },
      ...options,
    },
    { ...(baseURL !== undefined && { baseURL }), ...(transport && { fetch: transport }) },
    {
      answer: ({ text }) => ({
        text: text.includes('asked_now')
          ? Array(text.split('\\"question\\"').length - 1)
              .fill('NO')
              .join(' ')
          : `We answer this in words: ${spelled(nth++)}`,
      }),
    },
  )
  open.push({ close: () => it.client.gateway.close() })
  return it
}

const saidIn = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content ?? ''

async function own(it: Setup, question: string, more: object = {}) {
  const answer = await it.client.chat.completions.create({ ...ask(question), ...more })
  await it.client.gateway.flush(20_000)
  const record = it.records.findLast(({ purpose }) => purpose === undefined)
  return { said: saidIn(answer), record }
}

/** Asks without leaving an answer, until it is answered by meaning or the partition has surely been loaded. */
async function served(it: Setup, question: string, more: object = {}): Promise<string | undefined> {
  for (let tries = 0; tries < 40; tries += 1) {
    const { data, response } = await it.client.chat.completions
      .create({ ...ask(question), ...more }, { headers: { 'x-gateway-cache': 'no-store' } })
      .withResponse()
    if (response.headers.get('x-gateway-cache') === 'semantic') return saidIn(data)
    await it.client.gateway.flush(20_000)
    const outcome = it.records.findLast(({ purpose }) => purpose === undefined)?.semantic?.outcome
    if (outcome !== 'no-candidate' || tries > 8) return undefined
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return undefined
}

type Dump = Map<string, Buffer>
async function dumped({ admin }: RedisServer): Promise<Dump> {
  const keys = await admin.keys('*')
  return new Map(await Promise.all(keys.map(async (key) => [key, await admin.dumpBuffer(key)] as const)))
}
async function restored({ admin }: RedisServer, dump: Dump, wanted: (key: string) => boolean) {
  for (const [key, value] of dump)
    if (wanted(key)) await admin.call('RESTORE', key, 3_600_000, value, 'REPLACE')
}

test('whatever is put back after a purge, and whatever stamps are deleted, no purged answer is given', async () => {
  const redis = await server()
  const upstream = (await gateway(redis)).upstream
  const makers = ['this process', 'another', 'one that never asked'] as const
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom({}, { team: 'default' }),
      fc.constantFrom(...makers),
      fc.boolean(),
      fc.boolean(),
      async (what, maker, deletesStamps, all) => {
        await redis.admin.flushall()
        const [a, b] = [
          await gateway(redis, { baseURL: upstream.baseURL }),
          await gateway(redis, { baseURL: upstream.baseURL }),
        ]
        const { said } = await own(a, Q1)
        expect(await served(b, Q2)).toBe(said)
        const dump = await dumped(redis)
        const purging =
          maker === 'this process'
            ? a
            : maker === 'another'
              ? b
              : await gateway(redis, { baseURL: upstream.baseURL })
        await purging.client.gateway.purge(what)
        // Who has a whole copy of all that Redis held can show it to those who never saw anything else, nor made the purge.
        const living = [a, b]
        if (all) for (const it of living) if (it !== purging) await served(it, Q2)
        for (const key of deletesStamps ? await redis.admin.keys('*epoch*') : []) await redis.admin.del(key)
        await restored(redis, dump, (key) => all || !key.includes(':sg:'))
        for (const it of living) expect(await served(it, Q2)).toBeUndefined()
        const newcomer = await gateway(redis, { baseURL: upstream.baseURL })
        if (!all) expect(await served(newcomer, Q2)).toBeUndefined()
        // It works on from there.
        const fresh = await own(a, Q1)
        expect(fresh.said).not.toBe(said)
        expect(await served(b, Q2)).not.toBe(said)
        if (all) return
        // Nor is it one of the time that has begun since.
        await restored(redis, dump, (key) => !key.includes(':sg:'))
        const last = await gateway(redis, { baseURL: upstream.baseURL })
        for (const it of [...living, last]) expect(await served(it, Q2)).not.toBe(said)
      },
    ),
    { numRuns: runs(4), endOnFailure: true },
  )
})

test('whatever is deleted, an answer that was judged wrong is not given for that question, however it is spelt', async () => {
  const spelt = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => `${text}?`,
    (text) => text.toLowerCase(),
    (text) => text.toUpperCase(),
    (text) => ` ${text.replaceAll(' ', '  ')} !!`,
    (text) => text.replace('shop', 'shóp').normalize('NFD'),
    (text) => `“${text}…”`,
  )
  const kinds = ['sw', 'sl', 'epoch', 'sid'] as const
  await fc.assert(
    fc.asyncProperty(spelt, fc.subarray([...kinds]), fc.boolean(), async (spell, gone, inRedis) => {
      const redis = await server()
      const options = inRedis ? {} : { redis: false as const }
      const it = await gateway(redis, { judge: true, options })
      const { said } = await own(it, Q1)
      const { client } = it
      await client.chat.completions.create(ask(Q2), { headers: { 'x-gateway-cache': 'no-store' } })
      await client.gateway.flush(20_000)
      for (const kind of gone)
        for (const key of await redis.admin.keys(`gw:{*}:${kind}*`)) await redis.admin.del(key)
      expect(await served(it, spell(Q2))).toBeUndefined()
      if (!inRedis) return
      const newcomer = await gateway(redis, { baseURL: it.upstream.baseURL })
      expect(await served(newcomer, spell(Q2))).toBeUndefined()
      // Another question still has it.
      expect(await served(newcomer, 'Where do shoes go that I do not want')).toBe(said)
    }),
    { numRuns: runs(8), endOnFailure: true },
  )
})

test('whatever is written over labels, they are those that were learned or none', async () => {
  const redis = await server()
  const link = createRedisConnection(redis.url, {
    deadlineMs: 10_000,
    connectMs: 10_000,
    onChange: () => undefined,
  })
  open.push({ close: () => link.close() })
  const none = { nearest: emptyLabels(), consensus: emptyLabels() }
  const school = (name: string, secret = 'secret') => ({
    agent: 'a',
    name: `gw:{${name}}:sl:x`,
    secret: Buffer.from(secret),
  })
  const note = { entry: 'e', similarity: 0.9, right: true, nearest: true, confidence: undefined }
  const writer = createSharedLabels(link)
  for (let each = 0; each < 5; each += 1) await writer.add(school('t'), { ...note, right: each > 0 }, none)
  await writer.add(school('u'), note, none)
  await writer.add({ ...school('v'), name: school('t').name.replace('x', 'y') }, note, none)
  const value = (await redis.admin.get(school('t').name)) ?? ''
  const others = await Promise.all(
    [school('u').name, school('t').name.replace('x', 'y')].map((key) => redis.admin.get(key)),
  )
  const hostile = fc.oneof(
    fc
      .record({ at: fc.nat(value.length - 1), by: fc.string({ minLength: 1, maxLength: 3 }) })
      .map(({ at, by }) => value.slice(0, at) + by + value.slice(at + by.length)),
    fc.nat(value.length).map((at) => value.slice(0, at)),
    fc.constantFrom(...others.map((other) => other ?? '')),
    fc.string({ maxLength: 200 }),
    fc.constant(`${value}\n`),
    fc.constant(value.replace(/w\d+=\d+,?/, '')),
    fc.constant(value.replace(/r(\d+)=4/, 'r$1=4000')),
    fc.constant(`\n${value.split('\n').slice(1).join('\n')}`),
  )
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      await redis.admin.set(school('t').name, text)
      const found = await createSharedLabels(link).load(school('t'))
      const { labels, wrong } = estimate(found?.nearest ?? emptyLabels(), 0.7)
      expect([labels, wrong]).toEqual(text === value ? [5, 1] : [0, 0])
      // With another team's secret nothing can be read either.
      expect(
        estimate((await createSharedLabels(link).load(school('t', 'other')))?.nearest ?? emptyLabels(), 0.7)
          .labels,
      ).toBe(0)
    }),
    { numRuns: runs(100) },
  )
  // What is left of a process that knows better is whole again with its next label.
  await redis.admin.del(school('t').name)
  const known = { nearest: emptyLabels(), consensus: emptyLabels() }
  known.nearest.wrong[200] = 7
  await writer.add(school('t'), note, known)
  expect(estimate((await writer.load(school('t')))?.nearest ?? emptyLabels(), 0.7)).toMatchObject({
    wrong: 7,
  })
})

test('labels that several processes add at the same time are all counted', async () => {
  const redis = await server()
  const links = Array.from({ length: 3 }, () =>
    createRedisConnection(redis.url, { deadlineMs: 10_000, connectMs: 10_000, onChange: () => undefined }),
  )
  for (const link of links) open.push({ close: () => link.close() })
  const school = { agent: 'a', name: 'gw:{t}:sl:x', secret: Buffer.from('secret') }
  const none = { nearest: emptyLabels(), consensus: emptyLabels() }
  const note = { entry: 'e', similarity: 0.9, right: true, nearest: true, confidence: undefined }
  await Promise.all(
    links.map(async (link) => {
      const labels = createSharedLabels(link)
      for (let each = 0; each < 20; each += 1) await labels.add(school, note, none)
    }),
  )
  const found = await createSharedLabels(links[0] as (typeof links)[0]).load(school)
  expect(estimate(found?.nearest ?? emptyLabels(), 0.7).labels).toBe(60)
})

test.each([
  ['{}', {}],
  ['a team', { team: 'default' }],
  ['an agent', { agent: 'support' }],
  ['a model', { model: 'gpt-4o-mini' }],
])(
  'with the exact cache off, a purge of %s in one process reaches a call under way in another',
  async (_, what) => {
    const redis = await server()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let answered = 0
    let holds = false
    const transport: typeof fetch = async (...args) => {
      const response = await fetch(...args)
      answered += 1
      if (holds) await held
      return response
    }
    const a = await gateway(redis, { transport })
    const b = await gateway(redis, { baseURL: a.upstream.baseURL })
    await own(a, WARM)
    await own(b, WARM)
    holds = true
    const before = answered
    const underWay = a.client.chat.completions.create({ ...ask(Q1), temperature: 0.3 })
    await expect.poll(() => answered).toBeGreaterThan(before)
    await b.client.gateway.purge(what)
    release()
    const said = saidIn(await underWay)
    await a.client.gateway.flush(20_000)
    const c = await gateway(redis, { baseURL: a.upstream.baseURL })
    for (const it of [a, b, c]) expect(await served(it, Q2, { temperature: 0.3 })).not.toBe(said)
  },
)
