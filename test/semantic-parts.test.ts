import type { SemanticPolicy } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { embedder } from './semantic-embedder.ts'
import { judging } from './semantic-judging.ts'
import { ORIGINAL, options, REWORDED } from './semantic-kit.ts'
import { ask, setup } from './support.ts'

test('vectors come from upstream unless an embedder is given: priced, cached, and recorded as calls of their own', async () => {
  const { client, records, upstream } = await setup(options({}, { cache: { semantic: { dimensions: 256 } } }))
  await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  await client.chat.completions.create(ask(REWORDED))
  await client.gateway.flush()
  const vectors = records.filter(({ operation }) => operation === 'embeddings')
  expect(vectors).toHaveLength(2)
  expect(vectors[0]).toMatchObject({
    agent: 'support',
    model: 'text-embedding-3-large',
    tags: ['gateway:semantic'],
    purpose: 'semantic',
  })
  expect(vectors[0]?.costUsd).toBeGreaterThan(0)
  expect(upstream.requests.filter(({ path }) => path === '/v1/embeddings')).toHaveLength(2)
  const stats = client.gateway.stats().semantic?.support
  expect(stats?.embeddingUsd).toBeCloseTo((vectors[0]?.costUsd ?? 0) + (vectors[1]?.costUsd ?? 0), 9)
})

test.each([
  ['throws', () => Promise.reject(new Error('down'))],
  ['gives no vector', () => Promise.resolve([])],
  ['hangs', () => new Promise<Float32Array[]>(() => undefined)],
])('an embedder that %s makes a plain miss', async (_what, embed) => {
  let broken = false
  const flaky = {
    ...embedder,
    embed: (texts: readonly string[]) => (broken ? embed() : embedder.embed(texts)),
  }
  const { client, records } = await setup(
    options({}, { cache: { semantic: { embedder: flaky, deadlineMs: 50 } } }),
  )
  await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  broken = true
  const answer = await client.chat.completions.create(ask(REWORDED))
  await client.gateway.flush()
  expect(answer.choices[0]?.message.content).toBeTruthy()
  expect(records[1]).toMatchObject({ cache: 'miss', status: 'ok', semantic: { outcome: 'unavailable' } })
})

test('a caller that leaves while its question is looked for is let go at once', async () => {
  const slow = { ...embedder, embed: () => new Promise<Float32Array[]>(() => undefined) }
  let hung = false
  const either = {
    ...embedder,
    embed: (texts: readonly string[]) => (hung ? slow.embed() : embedder.embed(texts)),
  }
  const { client, records } = await setup(
    options({}, { cache: { semantic: { embedder: either, deadlineMs: 60_000 } } }),
  )
  await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  hung = true
  const controller = new AbortController()
  const call = client.chat.completions.create(ask(REWORDED), { signal: controller.signal, maxRetries: 0 })
  setTimeout(() => controller.abort(), 20)
  await expect(call).rejects.toThrow(/abort/i)
  await client.gateway.flush(500)
  expect(records[1]?.status).toBe('aborted')
})

test('options and policy are checked field by field', async () => {
  const bad = (semantic: object) => setup(options(semantic as SemanticPolicy))
  await expect(bad({ mode: 'maybe' })).rejects.toThrow(/mode/)
  await expect(bad({ threshold: 1.2 })).rejects.toThrow(/threshold/)
  await expect(bad({ guards: ['luck'] })).rejects.toThrow(/guards/)
  await expect(setup(options({}, { cache: { semantic: { dimensions: 3 } } }))).rejects.toThrow(/dimensions/)
  await expect(setup(options({}, { cache: { semantic: { secret: 'short' } } }))).rejects.toThrow(/secret/)
})

test.each([
  ['the embedding model', ['gpt-4o-mini'], /"text-embedding-3-large", the embedding model .* serves nothing/],
  [
    'the judge model',
    ['gpt-4o', 'text-embedding-3-large'],
    /"gpt-4o-mini", the judge model .* does not learn/,
  ],
  ['neither', ['gpt-4o-mini', 'text-embedding-3-large'], undefined],
])('%s missing in the models of a team is logged once, with the field to change', async (_, models, said) => {
  const lines: string[] = []
  const logger = { warn: (line: string) => void lines.push(line), info: () => undefined }
  const teams = { shop: { agents: ['support'], models } }
  const policy = { teams, cache: { semantic: { mode: 'on' as const } } }
  const { client } = await setup({ policy, logger, cache: { semantic: {} } })
  for (const question of [ORIGINAL, 'How long is the warranty of the oak table?'])
    await client.chat.completions.create({ ...ask(question), model: models[0] ?? '' }).catch(() => undefined)
  await client.gateway.flush()
  const warnings = lines.filter((line) => line.includes('GW_SEMANTIC_MODEL_NOT_ALLOWED'))
  expect(warnings).toEqual(said === undefined ? [] : [expect.stringMatching(said)])
  if (said !== undefined) expect(warnings[0]).toContain('teams["shop"].models')
})

test.each(['YES', 'NO'])(
  'a near-miss is judged in the background at the expense of the agent: %s',
  async (verdict) => {
    const judge = { rate: 1, perHour: 3_600 }
    const { client, records } = await setup(
      options({ threshold: 0.999, judgeFrom: 0.5, judge, mode: 'on' }),
      {},
      judging(verdict),
    )
    for (const question of [ORIGINAL, REWORDED]) {
      await client.chat.completions.create(ask(question))
      await client.gateway.flush()
    }
    expect(records[1]?.semantic?.outcome).toBe('below-threshold')
    const asked = records.filter(({ tags }) => tags.includes('gateway:semantic'))
    expect(asked.map(({ operation, status }) => [operation, status])).toEqual([['chat', 'ok']])
    const stats = client.gateway.stats().semantic?.support
    expect(stats?.judgeUsd).toBe(asked[0]?.costUsd)
    // Only what is at the threshold or above it tells of the error of what is served.
    expect(stats?.labels).toBe(0)
  },
)

test('answers that are judged wrong raise the threshold before any is served', async () => {
  const judge = { rate: 1, perHour: 36_000 }
  const { client, records } = await setup(options({ threshold: 0.85, judge }), {}, judging('NO'))
  const questions = [ORIGINAL, REWORDED, 'Do you ship wooden chairs to Norway please?', `${REWORDED} Thanks!`]
  for (const question of questions) {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
  const stats = client.gateway.stats().semantic?.support
  // The first answer found is judged before it may serve.
  expect(records.some(({ cache }) => cache === 'semantic')).toBe(false)
  expect(stats?.threshold).toBeGreaterThan(0.85)
  const asked = records.filter(({ semantic }) => semantic?.threshold !== undefined)
  expect(asked.at(-1)?.semantic?.threshold).toBeGreaterThan(0.85)
})

test('without Redis an admin sees what this process holds, and a purge forgets it', async () => {
  const { client, records } = await setup(options())
  await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  const { semantic } = client.gateway
  const [entry] = (await semantic?.list({ agent: 'support' })) ?? []
  expect(entry).toMatchObject({ question: ORIGINAL, pinned: false })
  expect(await semantic?.pin(entry?.key ?? '')).toBe(true)
  expect((await semantic?.list({}))?.[0]?.pinned).toBe(true)
  expect(await client.gateway.purge({ agent: 'support' })).toBe(2)
  await client.chat.completions.create(ask(REWORDED))
  await client.gateway.flush()
  expect(records.at(-1)?.cache).toBe('miss')
})
