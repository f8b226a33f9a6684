import type { GatewayOptions } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { createRedisConnection } from '#src/redis/connection.ts'
import { feedbackName } from '#src/semantic/decision/threshold/feedback.ts'
import { emptyLabels, estimate } from '#src/semantic/decision/threshold/labels.ts'
import { createSharedLabels } from '#src/semantic/decision/threshold/shared.ts'
import { closeLater } from '../closing.ts'
import { calibrated, embedder } from '../semantic-embedder.ts'
import { judging } from '../semantic-judging.ts'
import { ask, type Setup, setup } from '../support.ts'
import { asking, gateway, ORIGINAL, REWORDED, SECRET, server, warm } from './semantic-kit.ts'

test('groups that one process found are believed by another', async () => {
  const shared = { embedder: calibrated }
  const policy = { cache: { semantic: { mode: 'on' as const, judge: false as const } } }
  const redis = await server()
  const one = await gateway(redis, shared, { policy })
  const other = await gateway(redis, shared, { policy }, { baseURL: one.upstream.baseURL })
  one.upstream.answer(...Array.from({ length: 4 }, () => 'We ship to all of Europe.'))
  for (const word of ['the', 'those', 'these'])
    await asking(one, `Do you ship ${word} wooden chairs to Norway?`)
  await warm(other)
  expect(await asking(other, REWORDED)).toMatchObject({
    cache: 'semantic',
    semantic: { path: 'consensus' },
  })
})

test('what was judged of single entries is known to all processes, bounded, and with an end', async () => {
  const redis = await server()
  const link = createRedisConnection(redis.url, {
    deadlineMs: 2_000,
    connectMs: 2_000,
    onChange: () => undefined,
  })
  closeLater(() => link.close())
  const labels = createSharedLabels(link)
  const school = { agent: 'support', name: 'gw:{default}:sl:support', secret: Buffer.from('secret') }
  const entry = `gw:{default}:s:${'p'.repeat(24)}:${'e'.repeat(20)}`
  const note = { entry, similarity: 0.912, right: true, nearest: true, confidence: 0.7 }
  const none = { nearest: emptyLabels(), consensus: emptyLabels() }
  for (let each = 0; each < 3; each += 1) await labels.add(school, note, none)
  await labels.add(school, { ...note, right: false, nearest: false }, none)
  const known = await labels.load(school)
  expect(known?.feedback.get(feedbackName(entry))).toEqual([
    ...Array.from({ length: 3 }, () => ({ similarity: 0.912, right: true })),
    { similarity: 0.912, right: false },
  ])
  expect(known && estimate(known.nearest, 0.9)).toMatchObject({ labels: 3, wrong: 0 })
  expect(known && estimate(known.consensus, 0.7)).toMatchObject({ labels: 4, wrong: 1 })
  for (const key of await redis.admin.keys('gw:*')) expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
  for (let each = 0; each < 1_100; each += 1) await labels.add(school, { ...note, entry: `${each}` }, none)
  expect((await labels.load(school))?.feedback.size).toBe(1_000)
  expect(await redis.admin.strlen(school.name)).toBeLessThan(30_000)
  expect((await labels.load({ ...school, name: 'gw:{default}:sl:another' }))?.feedback.size).toBe(0)
})

/** Of the call itself, not of what it makes the judge say. */
async function own(it: Setup, question: string) {
  await asking(it, question)
  return it.records.findLast(({ purpose }) => purpose === undefined)
}

/** Judges everything wrong, and never learns from it: only the pair itself is remembered. */
const strict = (mode: 'on' | 'shadow'): GatewayOptions => ({
  policy: {
    cache: {
      exact: false,
      semantic: { mode, threshold: 0.9, errorBudget: 1, judge: { rate: 1, perHour: 36_000 } },
    },
  },
})

test.each(['on', 'shadow'] as const)(
  'a pair that was judged wrong, found in mode %s, is never served again, by any process',
  async (mode) => {
    const redis = await server()
    const first = await setup(
      {
        redis: redis.url,
        metrics: false,
        quota: false,
        deadlines: { redisMs: 2_000 },
        cache: { semantic: { embedder, secret: SECRET } },
        ...strict(mode),
      },
      {},
      judging('NO'),
    )
    closeLater(() => first.client.gateway.close())
    const { baseURL } = first.upstream
    await own(first, ORIGINAL)
    const found = await own(first, REWORDED)
    expect(found?.semantic).toMatchObject({ outcome: 'veto', reason: 'unchecked' })
    const others = [
      await gateway(redis, {}, strict('on'), { baseURL }),
      await gateway(redis, {}, strict('on'), { baseURL }),
    ]
    for (const it of [first, ...others]) {
      await warm(it)
      await it.client.chat.completions.create(ask('Do you have tables made of oak?'))
      for (let again = 0; again < 3; again += 1) {
        const record = await own(it, REWORDED)
        expect(record?.semantic?.entry === found?.semantic?.entry && record?.cache === 'semantic').toBe(false)
      }
    }
    const [key = ''] = await redis.admin.keys('gw:{*}:sw:*')
    expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
    expect(String(await redis.admin.get(key))).toMatch(/^([\w-]{20})+$/)
  },
)

test('what was judged wrong is remembered without Redis, too', async () => {
  const { client, records } = await setup(
    { cache: { semantic: { embedder, secret: SECRET } }, ...strict('on') },
    {},
    judging('NO'),
  )
  const outcomes: (string | undefined)[] = []
  const said: unknown[] = []
  for (const question of [ORIGINAL, REWORDED, REWORDED, REWORDED]) {
    said.push((await client.chat.completions.create(ask(question))).choices[0]?.message.content)
    await client.gateway.flush()
    outcomes.push(records.filter(({ purpose }) => purpose === undefined).at(-1)?.semantic?.outcome)
  }
  expect(outcomes.slice(0, 3)).toEqual(['no-candidate', 'veto', 'hit'])
  // The answer that was judged wrong is never given; its own, which is kept, is.
  expect(said.slice(2)).toEqual([said[1], said[1]])
  expect(said[1]).not.toBe(said[0])
})
