import { type GatewayOptions, gatewayOptions } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const QUESTION = 'Do you ship the wooden chairs to Norway'
const REWORDED = 'Do you ship wooden chairs to Norway'

let nth = 0
/** Without digits, which are looked at more closely, and without “i”, which is a person. */
const spelled = (count: number) => [...`${count}`].map((digit) => 'bcdfghkmpq'[Number(digit)]).join('')

async function gateway(redis: string | false, baseURL?: string, cache: GatewayOptions['cache'] = {}) {
  const it = await setup(
    {
      redis,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 5_000, connectMs: 5_000 },
      policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: { ...cache, semantic: { embedder, secret: 'shared by all processes', deadlineMs: 5_000 } },
    },
    baseURL === undefined ? {} : { baseURL },
    { answer: () => `It is answered like this: ${spelled(nth++)}` },
  )
  open.push({ close: () => it.client.gateway.close() })
  // What is stored before the connection is made is stored in this process alone.
  if (redis !== false) await expect.poll(() => it.client.gateway.stats().redis?.state).toBe('up')
  return it
}

type Api = 'chat' | 'responses'
type Asking = { question?: string; store?: boolean; noStore?: boolean; maxAge?: number; user?: string }

async function asking({ client, records }: Setup, api: Api, how: Asking = {}) {
  const { question = QUESTION, store, noStore, maxAge, user } = how
  const options = gatewayOptions({
    cache: { ...(noStore && { noStore }), ...(maxAge !== undefined && { maxAge }) },
  })
  const more = { ...(store !== undefined && { store }), ...(user !== undefined && { user }) }
  let said: { id: string; text: string }
  if (api === 'chat') {
    const answer = await client.chat.completions.create({ ...ask(question), ...more }, options)
    said = { id: answer.id, text: answer.choices[0]?.message.content ?? '' }
  } else {
    const answer = await client.responses.create({ model: 'gpt-4o-mini', input: question, ...more }, options)
    said = { id: answer.id, text: answer.output_text }
  }
  await client.gateway.flush(20_000)
  return { ...said, record: records.at(-1) }
}

const apis = fc.constantFrom<Api>('chat', 'responses')

test.each(['here', 'in Redis'])(
  '%s: a key of either cache purges the answer, wherever there are copies of it',
  async (where) => {
    const redis = where === 'here' ? false : await startRedis()
    if (redis !== false) open.push(redis)
    let salt = 0
    await fc.assert(
      fc.asyncProperty(apis, fc.boolean(), fc.subarray(['bob', 'carol']), async (api, bySemantic, others) => {
        const it = await gateway(redis === false ? false : redis.url)
        salt += 1
        const names = [undefined, ...others.map((name) => `${name}${salt}`)]
        // The exact cache has one answer for all of them, the semantic one a copy for each.
        const question = `${QUESTION} and the ${spelled(salt).repeat(3)} tables`
        const reworded = question.replace('the wooden', 'wooden')
        const texts = new Set<string>()
        const first = await asking(it, api, { question })
        texts.add(first.text)
        const hit = await asking(it, api, { question: reworded, noStore: true })
        expect(hit).toMatchObject({ text: first.text, record: { cache: 'semantic' } })
        const key = (bySemantic ? hit : first).record?.cacheKey
        expect(key).toContain(bySemantic ? ':s:' : ':x:')
        expect(await it.client.gateway.purge({ key: key ?? '' })).toBeGreaterThan(0)
        for (const user of names)
          for (const asked of [question, reworded]) {
            const again = await asking(it, api, { question: asked, noStore: true, ...(user && { user }) })
            expect(texts).not.toContain(again.text)
          }
      }),
      { numRuns: runs(8), endOnFailure: true },
    )
  },
)

test('a purge by a key reaches all semantic copies of the answer, and no other answer', async () => {
  const redis = await startRedis()
  open.push(redis)
  const it = await gateway(redis.url)
  const [one, two] = [
    await asking(it, 'chat'),
    await asking(it, 'chat', { question: 'Which woods do you use' }),
  ]
  // Users whose answers the exact cache shares have a partition each.
  await it.client.chat.completions.create(
    { ...ask(QUESTION), user: 'bob' },
    gatewayOptions({ cache: { noCache: true } }),
  )
  await it.client.gateway.flush(20_000)
  const copies = await it.client.gateway.semantic.list({ key: one.record?.cacheKey ?? '' })
  expect(copies).toHaveLength(2)
  const other = await gateway(redis.url, it.upstream.baseURL, {
    exact: { secret: 'another secret of theirs' },
  })
  await other.client.gateway.purge({ key: one.record?.cacheKey ?? '' })
  const left = await it.client.gateway.semantic.list({})
  expect(left.map(({ question }) => question)).toEqual(['Which woods do you use'])
  expect((await asking(it, 'chat', { question: 'Which woods do you use' })).text).toBe(two.text)
})

test.each(['here', 'in Redis'])(
  '%s: an answer that upstream was told to delete is not found by meaning',
  async (where) => {
    const redis = where === 'here' ? false : await startRedis()
    if (redis !== false) open.push(redis)
    const it = await gateway(redis === false ? false : redis.url)
    const deleter = redis === false ? it : await gateway(redis.url, it.upstream.baseURL)
    const first = await asking(it, 'responses')
    const kept = await asking(it, 'responses', { question: 'Which woods do you use' })
    expect((await asking(it, 'responses', { question: REWORDED, noStore: true })).record?.cache).toBe(
      'semantic',
    )
    await deleter.client.responses.delete(first.id)
    for (const question of [QUESTION, REWORDED]) {
      const { text, record } = await asking(it, 'responses', { question, noStore: true })
      // What another process' memory has of the exact cache goes when it hears of it, a moment later.
      expect(text === first.text && record?.cache !== 'exact').toBe(false)
    }
    expect((await asking(it, 'responses', { question: 'Which woods do you use?' })).text).toBe(kept.text)
  },
)

test('an answer that upstream was told to delete while Redis hangs is removed once it is back', async () => {
  const redis = await startRedis()
  open.push(redis)
  const it = await gateway(redis.url)
  const first = await asking(it, 'responses')
  await asking(it, 'responses', { question: 'Which woods do you use' })
  await it.client.gateway.flush(20_000)
  redis.pause()
  await it.client.responses.delete(first.id)
  redis.resume()
  const questions = async () => (await it.client.gateway.semantic.list({})).map(({ question }) => question)
  await expect.poll(() => questions().catch(() => undefined)).toEqual(['Which woods do you use'])
})

test('what upstream does not keep is given to none who expects that it does, and the other way round', async () => {
  const stores = fc.constantFrom(undefined, true, false)
  await fc.assert(
    fc.asyncProperty(stores, stores, async (first, second) => {
      const it = await gateway(false)
      const say = (store: boolean | undefined) => (store === undefined ? {} : { store })
      const one = await asking(it, 'responses', say(first))
      const two = await asking(it, 'responses', { question: REWORDED, ...say(second) })
      // One that says `store: true` wants a response of its own.
      const same = first === second && first !== true
      expect(two.record?.cache === 'semantic').toBe(same)
      expect(two.text === one.text).toBe(same)
    }),
    { numRuns: runs(9), endOnFailure: true },
  )
})

test('an answer by meaning is no older than its caller wants', async () => {
  const it = await gateway(false)
  const first = await asking(it, 'chat')
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect((await asking(it, 'chat', { question: REWORDED, maxAge: 3_600, noStore: true })).text).toBe(
    first.text,
  )
  for (const question of [QUESTION, REWORDED])
    expect((await asking(it, 'chat', { question, maxAge: 1, noStore: true })).text).not.toBe(first.text)
})
