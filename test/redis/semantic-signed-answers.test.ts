import type { GatewayOptions } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { runs } from '../runs.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { SECRET, server } from './semantic-kit.ts'
import type { RedisServer } from './server.ts'

const Q1 = 'How do I return shoes to you'
const Q2 = 'How does one return shoes to your shop'
const WARM = 'Which woods do you use for tables'

/** To it, everything means the same. */
const alike = {
  ...embedder,
  embed: async (texts: readonly string[]) => texts.map(() => new Float32Array(embedder.dimensions).fill(1)),
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
  closeLater(() => it.client.gateway.close())
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
