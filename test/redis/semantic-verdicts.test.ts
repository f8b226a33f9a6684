import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { calibrated } from '../semantic-embedder.ts'
import { shownIn } from '../semantic-judging.ts'
import { ask, type Setup, setup, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

allowLogInFile('GW_REDIS_UNAVAILABLE')
allowLogInFile('GW_REDIS_BACK')

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

/** An upstream that gives one answer, and whose judge says the same of every cached one, and YES to the new one. */
function upstreamOf() {
  const it = { answer: 'Open Settings.', verdict: 'YES', shown: [] as string[] }
  return {
    it,
    answer(asked: { body: unknown; text: string }) {
      const shown = shownIn(asked)
      if (shown === undefined) return { text: it.answer }
      it.shown.push(...shown.answers_given.map(({ answer }) => answer))
      const words = shown.answers_given.map(({ question }) =>
        question === shown.asked_now ? 'YES' : it.verdict,
      )
      return { text: words.join(' ') }
    },
  }
}

async function gateway(redis: RedisServer | false, perHour: number, baseURL?: string) {
  const upstream = upstreamOf()
  const it = await setup(
    {
      redis: redis === false ? false : redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 2_000, connectMs: 2_000 },
      policy: {
        cache: {
          exact: false,
          semantic: { mode: 'on', threshold: 0.85, judge: { rate: 1, perHour }, guards: [] },
        },
      },
      cache: { semantic: { embedder: calibrated, secret: 'shared by all processes' } },
    },
    baseURL === undefined ? {} : { baseURL },
    upstream,
  )
  open.push({ close: () => it.client.gateway.close() })
  if (redis !== false) await expect.poll(() => it.client.gateway.stats().redis?.state).toBe('up')
  return { ...it, ...upstream.it, said: upstream.it }
}

const question = (word: string) => `How do I reset ${word} password of the shop?`

async function told({ client, records }: Setup, word: string) {
  const answer = await client.chat.completions.create(ask(question(word)))
  const { cache, semantic } = records.findLast(({ purpose }) => purpose === undefined) ?? {}
  return { said: answer.choices[0]?.message.content, cache, semantic: await semantic }
}

/** Asks until the entries of other processes are loaded. */
async function isLoaded(it: Setup, word: string) {
  for (let tries = 0; tries < 100; tries += 1) {
    const { semantic } = await told(it, word)
    await it.client.gateway.flush(20_000)
    if (semantic?.outcome !== 'no-candidate') return
    await sleep(50)
  }
}

test.each(['here', 'in Redis'])(
  'kept %s, an answer that no judge saw is not served by the verdict on the one that it replaced',
  async (place) => {
    const redis = place === 'here' ? (false as const) : await startRedis()
    if (redis !== false) open.push(redis)
    // One judgement, and none in advance: the new answer has none.
    const it = await gateway(redis, 5)
    await told(it, 'a')
    await it.client.gateway.flush(20_000)
    if (redis !== false) await sleep(1_100)
    const isJudgement = ({ text }: { text: string }) => text.includes('asked_now')
    it.upstream.fail({ type: 'latency', ms: 1_500 }, { when: isJudgement })
    await told(it, 'the')
    await until(() => it.upstream.count(isJudgement) === 1, 'the first answer is judged')
    it.said.answer = 'Secret plan.'
    expect((await told(it, 'a')).said).toBe('Secret plan.')
    await it.client.gateway.flush(20_000)
    it.said.answer = 'Open Settings.'
    expect(it.said.shown).not.toContain('Secret plan.')
    for (const word of ['a', 'any', 'some', 'a']) expect((await told(it, word)).said).toBe('Open Settings.')
  },
)

test('a pair that is judged wrong while Redis is away is served by no process once Redis is back', async () => {
  // It keeps what it has through its restart.
  const redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
  open.push(redis)
  const it = await gateway(redis, 36_000)
  for (const word of ['a', 'the']) {
    await told(it, word)
    await it.client.gateway.flush(20_000)
  }
  it.said.verdict = 'NO'
  const isJudgement = ({ text }: { text: string }) => text.includes('asked_now')
  const before = it.upstream.count(isJudgement)
  it.upstream.fail({ type: 'latency', ms: 1_000 }, { when: isJudgement })
  expect(await told(it, 'any')).toMatchObject({ cache: 'semantic' })
  await until(() => it.upstream.count(isJudgement) > before, 'the hit is judged')
  await redis.kill()
  await it.client.gateway.flush(20_000)
  await redis.restart()
  await expect.poll(() => it.client.gateway.stats().redis?.state, { timeout: 20_000 }).toBe('up')
  await it.client.gateway.flush(20_000)
  const another = await gateway(redis, 36_000, it.upstream.baseURL)
  await isLoaded(another, 'the')
  expect(await told(another, 'any')).toMatchObject({ cache: 'miss' })
})

test('of a question with more wrong answers than are listed, the newest stay refuted', async () => {
  const redis = await startRedis()
  open.push(redis)
  const it = await gateway(redis, 36_000)
  it.said.verdict = 'NO'
  await told(it, 'a')
  await it.client.gateway.flush(20_000)
  await sleep(1_100)
  it.said.answer = 'Close Settings.'
  await told(it, 'the')
  await it.client.gateway.flush(20_000)
  const [key = ''] = await redis.admin.keys('gw:*:sw:*')
  const own = (await redis.admin.get(key)) ?? ''
  expect(own).toHaveLength(20)
  const others = Array.from({ length: 1_500 }, (_, nth) => `${nth}`.padStart(20, 'x')).join('')
  await redis.admin.set(key, others + own)
  // The entry with its own note goes; the same answer to the same question comes again.
  await it.client.gateway.semantic.remove({})
  const another = await gateway(redis, 36_000, it.upstream.baseURL)
  it.said.answer = 'Open Settings.'
  await told(another, 'a')
  await another.client.gateway.flush(20_000)
  await sleep(1_100)
  expect((await told(another, 'the')).semantic).toMatchObject({ outcome: 'veto', reason: 'refuted' })
})
