import type { GatewayOptions } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { createRedisConnection } from '#src/redis/connection.ts'
import { createFeedback } from '#src/semantic/decision/threshold/feedback.ts'
import { emptyLabels } from '#src/semantic/decision/threshold/labels.ts'
import { createSharedLabels, type LabelNote } from '#src/semantic/decision/threshold/shared.ts'
import { runs } from '../runs.ts'
import { embedder } from '../semantic-embedder.ts'
import { judging } from '../semantic-judging.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = [
  'Do you ship wooden chairs to Norway?',
  'Do you ship those wooden chairs to Norway?',
  'Do you ship these wooden chairs to Norway?',
  'So, do you ship the wooden chairs to Norway?',
  'Hello, do you ship the wooden chairs to Norway?',
] as const

type Ways = { errorBudget: number; isJudged: boolean }

async function gateway(
  redis: RedisServer,
  { errorBudget, isJudged }: Ways,
  client: { baseURL?: string } = {},
) {
  const judge = isJudged && { rate: 1, perHour: 36_000 }
  const semantic = { mode: 'on' as const, threshold: 0.85, errorBudget, judge }
  const options: GatewayOptions = {
    redis: redis.url,
    metrics: false,
    quota: false,
    deadlines: { redisMs: 10_000 },
    policy: { cache: { exact: false, semantic } },
    cache: { semantic: { embedder, secret: 'shared by all processes', deadlineMs: 10_000 } },
  }
  const it = await setup(options, client, judging('NO'))
  open.push({ close: () => it.client.gateway.close() })
  return it
}

async function server(): Promise<RedisServer> {
  const redis = await startRedis()
  open.push(redis)
  return redis
}

async function asked({ client, records }: Setup, question: string) {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush(20_000)
  return records.findLast(({ purpose }) => purpose === undefined)?.semantic
}

/** Partitions are loaded in the background: until then the first questions find nothing. */
async function loaded(it: Setup) {
  for (
    let tries = 0;
    (await asked(it, 'Which woods do you use for tables?'))?.entry === undefined;
    tries += 1
  )
    if (tries > 200) throw new Error('it was never loaded')
}

test('a threshold that one process had to raise is the first that another one goes by', async () => {
  const redis = await server()
  const one = await gateway(redis, { errorBudget: 0.01, isJudged: true })
  await asked(one, ORIGINAL)
  expect(await asked(one, REWORDED[0])).toMatchObject({ reason: 'unchecked', threshold: 0.85 })

  const other = await gateway(
    redis,
    { errorBudget: 0.01, isJudged: false },
    { baseURL: one.upstream.baseURL },
  )
  await loaded(other)
  for (const question of REWORDED) {
    const found = await asked(other, question)
    expect(found?.threshold).toBeGreaterThan(0.93)
    expect(found?.threshold).toBe(one.client.gateway.stats().semantic?.support?.threshold)
  }
  expect((await asked(other, REWORDED[1]))?.entry).toBeDefined()
})

test('what one process saw of an entry, another one goes by: it is asked afresh, and not served', async () => {
  const redis = await server()
  // A budget of everything: thresholds stay, and only what was seen of the entry itself can have a say.
  const one = await gateway(redis, { errorBudget: 1, isJudged: true })
  await asked(one, ORIGINAL)
  const seen: (string | undefined)[] = []
  expect(await asked(one, REWORDED[0])).toMatchObject({ reason: 'unchecked' })
  for (let times = 0; times < 4; times += 1) {
    const found = await asked(one, REWORDED[0])
    expect(found?.outcome).toBe('hit')
    seen.push(found?.entry)
  }
  expect(new Set(seen).size).toBe(1)
  // Of an entry of which nothing was seen no lots are drawn, whichever way they would fall.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const other = await gateway(redis, { errorBudget: 1, isJudged: false }, { baseURL: one.upstream.baseURL })
  await loaded(other)
  expect(await asked(other, REWORDED[0])).toMatchObject({ entry: seen[0], outcome: 'explored' })
})

test('whatever key an entry has, what was noted of it in one process is known of it in another', async () => {
  const redis = await server()
  const link = createRedisConnection(redis.url, {
    deadlineMs: 10_000,
    connectMs: 10_000,
    onChange: () => undefined,
  })
  open.push({ close: () => link.close() })
  const key = fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 50 }))
  const judged = fc.record({
    entry: key,
    similarity: fc.integer({ min: 0, max: 1_000 }).map((thousandths) => thousandths / 1_000),
    right: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.uuid(), fc.array(judged, { maxLength: 12 }), async (agent, all) => {
      const [writer, reader] = [createSharedLabels(link), createSharedLabels(link)]
      const school = { agent, name: `gw:{t}:sl:${agent}`, secret: Buffer.from('secret') }
      const none = { nearest: emptyLabels(), consensus: emptyLabels() }
      for (const one of all)
        await writer.add(school, { ...one, nearest: true, confidence: undefined } as LabelNote, none)
      const sightings = createFeedback()
      sightings.adopt((await reader.load(school))?.feedback ?? new Map())
      for (const { entry } of all)
        expect(sightings.of(entry)).toEqual(
          all.filter((one) => one.entry === entry).map(({ similarity, right }) => ({ similarity, right })),
        )
    }),
    { numRuns: runs(20) },
  )
})
