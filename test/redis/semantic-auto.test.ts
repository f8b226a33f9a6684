import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterEach, expect, test, vi } from 'vitest'
import { upperBoundOf } from '../clopper-pearson.ts'
import { llmGateway } from '../command.ts'
import { allowLog } from '../console.ts'
import { embedder } from '../semantic-embedder.ts'
import { shownIn } from '../semantic-judging.ts'
import { type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'
const BUDGET = 0.1
/** Right answers that prove it: 0.9 to the power of 30 is below 5 %. */
const PROOF = 30

/** What upstream's judge says of cached answers, and how many words it needs for that. */
type Oracle = { says: 'YES' | 'NO'; words: number; judgements: number }

function upstream(oracle: Oracle) {
  let answers = 0
  return {
    answer(asked: { body: unknown; text: string }) {
      const shown = shownIn(asked)
      if (shown === undefined) {
        answers += 1
        return { text: `We ship to all of Europe, as we said ${answers} times before.` }
      }
      oracle.judgements += 1
      const verdicts = shown.answers_given.map(({ question, answer }) =>
        question === shown.asked_now && answer.includes(` ${answers} times`) ? 'YES' : oracle.says,
      )
      return { text: verdicts.join(' ') + ' .'.repeat(oracle.words) }
    },
  }
}

type Ways = { model?: string; baseURL?: string; judge?: { rate?: number; perHour?: number } }

async function gateway(redis: RedisServer, oracle: Oracle, { model = 'dear', baseURL, judge }: Ways = {}) {
  const options: GatewayOptions = {
    redis: redis.url,
    metrics: false,
    quota: false,
    deadlines: { redisMs: 10_000, connectMs: 10_000 },
    policy: {
      models: {
        dear: { input: 1_000, output: 1_000 },
        cheap: { input: 0.001, output: 0.001 },
        'gpt-4o-mini': { input: 0.15, output: 100 },
      },
      cache: {
        exact: false,
        semantic: {
          mode: 'auto',
          threshold: 0.85,
          errorBudget: BUDGET,
          judge: { rate: 1, perHour: 36_000, ...judge },
        },
      },
    },
    cache: { semantic: { embedder, secret: 'shared by all processes', deadlineMs: 10_000 } },
  }
  const it = await setup(options, { maxRetries: 0, ...(baseURL && { baseURL }) }, upstream(oracle))
  open.push({ close: () => it.client.gateway.close() })
  return {
    ...it,
    async asked(question: string) {
      await it.client.chat.completions.create({ model, messages: [{ role: 'user', content: question }] })
      await it.client.gateway.flush(20_000)
      return it.records.findLast(({ purpose }) => purpose === undefined)
    },
    auto: () => it.client.gateway.stats().semantic?.support?.auto,
  }
}
type Own = Awaited<ReturnType<typeof gateway>>

async function world(oracle: Partial<Oracle> = {}, ways?: Ways) {
  const redis = await startRedis()
  open.push(redis)
  const own: Oracle = { says: 'YES', words: 0, judgements: 0, ...oracle }
  return { redis, oracle: own, it: await gateway(redis, own, ways) }
}

const saved = ({ records }: Setup) =>
  records
    .filter(({ purpose, semantic }) => purpose === undefined && semantic !== undefined)
    .reduce((sum, { semantic, costUsd = 0, savedUsd = 0 }) => {
      if (semantic?.outcome === 'hit') return sum + savedUsd
      return semantic?.outcome === 'shadow-hit' ? sum + costUsd : sum
    }, 0)
const spent = ({ records }: Setup) =>
  records.filter(({ purpose }) => purpose !== undefined).reduce((sum, { costUsd = 0 }) => sum + costUsd, 0)

/** Asks until it serves; returns what was judged by then. */
async function untilServing(it: Own) {
  await it.asked(ORIGINAL)
  for (let tries = 0; tries < 100; tries += 1) {
    const record = await it.asked(REWORDED)
    const state = it.auto()
    // What is served was proven before.
    if (record?.cache === 'semantic') return state
    if (record?.semantic?.outcome === 'shadow-hit') expect(record.semantic.reason).toBe('unproven')
  }
  throw new Error(`it never served: ${JSON.stringify(it.auto())}`)
}

/** Asks in other words until it no longer serves: no question twice, for what was refuted is not served again. */
async function untilStopped(it: Own) {
  for (let times = 1; it.auto()?.serving; times += 1) {
    if (times > 50) throw new Error(`it never stopped: ${JSON.stringify(it.auto())}`)
    await it.asked(`${'Hello! '.repeat(times)}Do you ship wooden chairs to Norway?`)
  }
}

test('it serves once judgements prove the budget and hits pay, not earlier, and tells so', async () => {
  const { it } = await world()
  const state = await untilServing(it)
  expect(state).toMatchObject({ serving: true, reason: 'proven', wrong: 0, budget: BUDGET })
  expect(state?.judged).toBeGreaterThanOrEqual(PROOF)
  expect(state?.upperBound).toBeCloseTo(upperBoundOf(0, state?.judged ?? 0), 6)
  const shadowed = it.records.filter(({ semantic }) => semantic?.outcome === 'shadow-hit')
  expect(shadowed.length).toBeGreaterThanOrEqual(PROOF)
  for (const { cache } of shadowed) expect(cache).toBe('miss')
  // Money as the records have it.
  expect(it.auto()?.savedUsd).toBeCloseTo(saved(it), 9)
  expect(it.auto()?.spentUsd).toBeCloseTo(spent(it), 9)
  expect(it.auto()?.today).toEqual({ savedUsd: it.auto()?.savedUsd, spentUsd: it.auto()?.spentUsd })
  expect(spent(it)).toBeGreaterThan(0)
})

test('the command line tells why, before and after, without a secret and without any text', async () => {
  const { it, redis } = await world()
  const env = { LLM_GATEWAY_REDIS_URL: redis.url }
  const why = (...more: string[]) => llmGateway(['semantic', 'why', ...more], env)
  expect(await why()).toMatchObject({ code: 1, err: expect.stringContaining('mode auto') })
  await it.asked(ORIGINAL)
  for (let times = 0; times < 4; times += 1) await it.asked(REWORDED)
  const before = await why('--agent', 'support')
  expect(before.out).toMatch(/^support \(team default\): off for \d+ s\. Judgements do not prove/)
  expect(before.out).toMatch(/ judged, 0 wrong: at most .* allowed are 10\.0 %; \d+ right answers more would/)
  await untilServing(it)
  const after = await why()
  expect(after).toMatchObject({ code: 0, err: '' })
  expect(after.out).toMatch(/^support \(team default\): on for .* s\. Judgements prove/)
  expect(after.out).toMatch(/balance +\$\S+ saved by \d+ hits, \$\S+ spent, with \d+ judgements, in 7 days/)
  expect(after.out).toContain('embedder  words')
  expect(JSON.parse((await why('--json')).out)).toEqual([
    expect.objectContaining({ ...it.auto(), team: 'default', agent: 'support', rightNeeded: 0 }),
  ])
  expect(before.out + after.out).not.toContain('Norway')
  expect((await why('--team', 'another')).code).toBe(1)
})

test('with the first wrong answer too many it stops, and a refuted answer does not come back', async () => {
  const { it, oracle } = await world()
  await untilServing(it)
  oracle.says = 'NO'
  await untilStopped(it)
  const state = it.auto()
  expect(state).toMatchObject({ serving: false, reason: 'unproven' })
  expect(upperBoundOf(state?.wrong ?? 0, state?.judged ?? 0)).toBeGreaterThan(BUDGET)
  // One wrong answer less was within the budget.
  const before = upperBoundOf((state?.wrong ?? 0) - 1, (state?.judged ?? 0) - 1)
  expect(before).toBeLessThanOrEqual(BUDGET)
  expect(await it.asked(REWORDED)).toMatchObject({ cache: 'miss' })
})

test('where judging turns out to cost more than hits save, it stops; and judging stops, too', async () => {
  const lots = vi.spyOn(Math, 'random')
  const { it, oracle } = await world()
  await untilServing(it)
  // Some twenty dollars a judgement.
  oracle.words = 200_000
  for (let tries = 0; it.auto()?.serving && tries < 50; tries += 1) await it.asked(REWORDED)
  expect(it.auto()).toMatchObject({ serving: false, reason: 'not-worth-it' })
  expect(spent(it)).toBeGreaterThan(saved(it))
  // Only one in twenty is still judged, which these lots leave out.
  lots.mockReturnValue(0.5)
  const { judgements } = oracle
  for (let each = 0; each < 10; each += 1) expect((await it.asked(REWORDED))?.cache).toBe('miss')
  expect(oracle.judgements).toBe(judgements)
})

test('where an answer costs less than a judgement, only one in twenty is judged', async () => {
  const { it, oracle } = await world({}, { model: 'cheap' })
  const lots = vi.spyOn(Math, 'random').mockReturnValue(0.5)
  for (const question of [ORIGINAL, REWORDED, REWORDED, ORIGINAL, REWORDED]) await it.asked(question)
  expect(oracle.judgements).toBe(0)
  lots.mockReturnValue(0.01)
  for (const question of [REWORDED, ORIGINAL]) await it.asked(question)
  expect(oracle.judgements).toBeGreaterThan(0)
  expect(it.auto()).toMatchObject({ serving: false, reason: 'unproven' })
})

test('another process serves within seconds, a new one at once, and both stop when one learns better', async () => {
  const { it, redis, oracle } = await world()
  const { baseURL } = it.upstream
  const unjudged = await gateway(redis, oracle, { baseURL, judge: { perHour: 0 } })
  const other = await gateway(redis, oracle, { baseURL })
  await other.asked(REWORDED)
  await untilServing(it)
  // Its policy has no judge: nothing would tell it of wrong answers.
  const reasonOfUnjudged = async () => {
    expect((await unjudged.asked(REWORDED))?.cache).toBe('miss')
    return unjudged.auto()?.reason
  }
  await expect.poll(reasonOfUnjudged).toBe('unjudged')
  await expect.poll(async () => (await other.asked(REWORDED))?.cache).toBe('semantic')
  await it.client.gateway.close()

  const restarted = await gateway(redis, oracle, { baseURL })
  await expect.poll(async () => (await restarted.asked(REWORDED))?.cache).toBe('semantic')
  expect(restarted.auto()?.judged).toBeGreaterThanOrEqual(PROOF)
  oracle.says = 'NO'
  await untilStopped(restarted)
  expect(restarted.auto()).toMatchObject({ serving: false, reason: 'unproven' })
  await expect.poll(async () => (await other.asked(REWORDED))?.cache).toBe('miss')
  expect(other.auto()).toMatchObject({ serving: false })
})

test('while Redis is away, calls are answered, by upstream', async () => {
  const { it, redis } = await world()
  await untilServing(it)
  allowLog('GW_REDIS_UNAVAILABLE')
  await redis.kill()
  const record = await it.asked(REWORDED)
  expect(record).toMatchObject({ status: 'ok' })
})
