import type { GatewayOptions, SemanticPolicy } from '@hotdash/llm-gateway'
import type { FakeOpenAIOptions } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { allowLog } from './console.ts'
import { calibrated, embedder } from './semantic-embedder.ts'
import { ask, type Setup, setup } from './support.ts'

const SHIPPING = [
  'Do you ship wooden chairs to Norway?',
  'Do you ship the wooden chairs to Norway?',
  'Do you ship those wooden chairs to Norway?',
  'Do you also ship wooden chairs to Norway?',
]
const ANOTHER = 'Do you really ship wooden chairs to Norway?'

const options = (semantic: SemanticPolicy = {}, more: GatewayOptions = {}): GatewayOptions => ({
  policy: {
    cache: { semantic: { mode: 'on', judgeFrom: 0.6, judge: { rate: 1, perHour: 36_000 }, ...semantic } },
  },
  cache: { semantic: { embedder: calibrated } },
  ...more,
})

type Given = { question: string; answer: string }

/** An upstream that words each answer otherwise, and whose judge holds questions of one topic to have one answer. */
const upstream = (topicOf: (question: string) => string = () => 'shipping'): FakeOpenAIOptions => ({
  answer: ({ body }) => {
    const { messages } = body as { messages: { content: string }[] }
    const said = messages.at(-1)?.content ?? ''
    if (!said.includes('"asked_now"')) return { text: `It is about: ${said}` }
    const { answers_given, asked_now } = JSON.parse(said) as { answers_given: Given[]; asked_now: string }
    const verdicts = answers_given.map(({ question }) =>
      topicOf(question) === topicOf(asked_now) ? 'YES' : 'NO',
    )
    return { text: verdicts.join(' ') }
  },
})

async function asking({ client, records }: Setup, ...questions: string[]) {
  for (const question of questions) {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
  return records.filter(({ tags }) => !tags.includes('gateway:semantic')).at(-1)
}

test('what several around agree on is served, though none of them is near enough alone', async () => {
  const it = await setup(options(), {}, upstream())
  expect(await asking(it, ...SHIPPING, ANOTHER)).toMatchObject({
    cache: 'semantic',
    costUsd: 0,
    semantic: { outcome: 'hit', path: 'consensus', threshold: 0.99 },
  })
  const stats = it.client.gateway.stats().semantic?.support
  expect(stats?.consensus).toMatchObject({ confidence: 0.55, error: 0 })
  expect(stats?.consensus.hits).toBeGreaterThan(0)
})

test('where the judge says that the answers differ, no answer is served by consensus', async () => {
  const it = await setup(
    options(),
    {},
    upstream((question) => question),
  )
  await asking(it, ...SHIPPING, ANOTHER)
  expect(it.records.filter(({ cache }) => cache === 'semantic')).toEqual([])
})

test('answers of the same words agree without a judge', async () => {
  const it = await setup(options({ judge: false }), {}, { answer: () => 'We ship to all of Europe.' })
  expect(await asking(it, ...SHIPPING, ANOTHER)).toMatchObject({ semantic: { path: 'consensus' } })
  expect(it.upstream.requests.every(({ text }) => !text.includes('asked_now'))).toBe(true)
})

test('a guard vetoes what all around agree on', async () => {
  const it = await setup(options(), {}, upstream())
  expect(await asking(it, ...SHIPPING, 'Do you not ship wooden chairs to Norway?')).toMatchObject({
    cache: 'miss',
    semantic: { outcome: 'veto', reason: 'negation' },
  })
})

test('with an embedder without calibration, consensus serves once judgements support it', async () => {
  const budget = { errorBudget: 0.3 }
  const it = await setup(options(budget, { cache: { semantic: { embedder } } }), {}, upstream())
  const more = ['really', 'perhaps', 'maybe', 'often', 'usually', 'even', 'actually', 'just'].map(
    (word) => `Do you ${word} ship wooden chairs to Norway?`,
  )
  await asking(it, ...SHIPPING, ...more)
  const outcomes = it.records.flatMap(({ semantic }) => semantic?.outcome ?? [])
  const [uncalibrated, hit] = [outcomes.indexOf('uncalibrated'), outcomes.indexOf('hit')]
  expect(uncalibrated).toBeGreaterThan(0)
  expect(hit).toBeGreaterThan(uncalibrated)
})

test('in shadow the answers around are grouped and judged, too, and nothing is served', async () => {
  const it = await setup(options({ mode: 'shadow' }), {}, upstream())
  expect(await asking(it, ...SHIPPING, ANOTHER)).toMatchObject({
    cache: 'miss',
    semantic: { outcome: 'shadow-hit', path: 'consensus' },
  })
})

test('with second sighting an answer serves after a second call got one that says the same', async () => {
  const it = await setup(options({ requireConfirmation: true, threshold: 0.85 }), {}, upstream())
  const [first = '', second = '', third = ''] = SHIPPING
  expect(await asking(it, first, second)).toMatchObject({
    cache: 'miss',
    semantic: { outcome: 'veto', reason: 'unconfirmed' },
  })
  expect(await asking(it, third)).toMatchObject({ cache: 'semantic' })
})

test('on an empty cache no vector is made before the answer is there', async () => {
  const policy = { cache: { semantic: { mode: 'on' as const } } }
  const { client, upstream } = await setup({ policy, cache: { semantic: { dimensions: 256 } } })
  await client.chat.completions.create(ask(SHIPPING[0] ?? ''))
  expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions'])
  await client.gateway.flush()
  expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/embeddings'])
})

test('the default policy uses the semantic cache for support, and for no other agent', async () => {
  const { client, records } = await setup({ cache: { semantic: { dimensions: 256 } } })
  for (const agent of ['support', 'ai-customer', 'ceo-insights', 'seo'])
    await client.chat.completions.create(ask(`What does the ${agent} agent do?`), {
      headers: { 'x-gateway-agent': agent },
    })
  await client.gateway.flush()
  const asked = records.filter(({ semantic }) => semantic !== undefined)
  expect(asked.map(({ agent }) => agent)).toEqual(['support'])
})

const isJudge = ({ text }: { text: string }) => text.includes('asked_now')
const isVector = ({ path }: { path: string }) => path.endsWith('/embeddings')

test.each([
  ['down', { type: 'status', status: 500 } as const],
  ['over its own limit', { type: 'status', status: 429 } as const],
  ['cut off', { type: 'reset' } as const],
])('a judge that is %s fails no call, and what it would have said is unknown', async (_what, fault) => {
  const it = await setup(options(), {}, upstream())
  it.upstream.fail(fault, { when: isJudge, times: 1_000 })
  expect(await asking(it, ...SHIPPING, ANOTHER)).toMatchObject({ cache: 'miss', status: 'ok' })
  expect(it.client.gateway.stats().faults).toBe(0)
  expect(await it.client.gateway.semantic.list({})).toHaveLength(5)
})

/** What a call may take at most is most of what the team has a minute. */
const FEW_TOKENS = {
  models: { 'gpt-4o-mini': { input: 0.15, output: 0.6, maxOutput: 16_384 } },
  teams: { team: { agents: ['support'], tpm: 20_000, tpmMode: 'strict' as const } },
}

test('where the team has few tokens left, they are for its callers: no judge is asked', async () => {
  const it = await setup(
    options({}, { policy: { ...(options().policy as object), ...FEW_TOKENS } }),
    {},
    upstream(),
  )
  expect(await asking(it, ...SHIPPING.slice(0, 2))).toMatchObject({ cache: 'miss', status: 'ok' })
  expect(it.records.filter(({ purpose }) => purpose === 'semantic')).toEqual([])
})

test('nor is a vector made only to keep an answer', async () => {
  allowLog('GW_SEMANTIC_MODEL_NOT_ALLOWED')
  const policy = { ...(options().policy as object), ...FEW_TOKENS }
  const it = await setup(options({}, { policy, cache: { semantic: { dimensions: 256 } } }))
  expect(await asking(it, ...SHIPPING.slice(0, 2))).toMatchObject({ cache: 'miss', status: 'ok' })
  expect(it.records.filter(({ purpose }) => purpose === 'semantic')).toEqual([])
})

test.each([
  ['judgements', 'chat', { embedder: calibrated }],
  ['vectors', 'embeddings', { dimensions: 256 }],
])('%s take none of the requests that the team has a minute', async (_what, operation, semantic) => {
  const policy = { ...(options().policy as object), teams: { team: { agents: ['support'], rpm: 4 } } }
  const everyTopicItsOwn = upstream((question) => question)
  const it = await setup(options({}, { policy, cache: { semantic } }), {}, everyTopicItsOwn)
  await asking(it, ...SHIPPING.slice(0, 4))
  const [own, ours] = [undefined, 'semantic'].map((whose) =>
    it.records.filter(({ purpose }) => purpose === whose),
  )
  expect(own?.map(({ cache, status }) => [cache, status])).toEqual(Array(4).fill(['miss', 'ok']))
  expect(ours?.length).toBeGreaterThan(1)
  expect(new Set(ours?.map((record) => `${record.operation} ${record.status}`))).toEqual(
    new Set([`${operation} ok`]),
  )
  const more = it.client.chat.completions.create(ask('Do you sell tables?'), { maxRetries: 0 })
  await expect(more).rejects.toMatchObject({ status: 429, code: 'gateway_rpm_exceeded' })
})

test.each([
  ['down', { type: 'status', status: 500 } as const],
  ['over quota', { type: 'status', status: 429 } as const],
  ['slow', { type: 'hang' } as const],
])('vectors from an upstream that is %s: a plain miss within the deadline', async (_what, fault) => {
  const settings = { dimensions: 256, deadlineMs: 2_000 }
  const it = await setup(options({ judge: false }, { cache: { semantic: settings } }))
  await asking(it, SHIPPING[0] ?? '')
  it.upstream.fail(fault, { when: isVector, times: 1_000 })
  expect(await asking(it, ANOTHER)).toMatchObject({
    cache: 'miss',
    status: 'ok',
    semantic: { outcome: 'unavailable', reason: 'embedding' },
  })
})
