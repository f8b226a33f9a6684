import OpenAI, { type APIError } from 'openai'
import { expect, test } from 'vitest'
import { ask, setup } from './support.ts'

const models = { 'gpt-4o-mini': { input: 0.15, output: 0.6, maxOutput: 100 } }
const team = (limits: object) => ({ policy: { models, teams: { t: { agents: ['support'], ...limits } } } })

test('of a burst no more than rpm calls are admitted; the rest get a RateLimitError after one request', async () => {
  const { client, upstream } = await setup(team({ rpm: 5 }))
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, at) => client.chat.completions.create(ask(`q${at}`))),
  )
  const errors = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as APIError] : [],
  )
  expect([upstream.count(), errors.length]).toEqual([5, 45])
  for (const error of errors) {
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ status: 429, code: 'gateway_rpm_exceeded', type: 'rate_limit_error' })
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(50)
  }
})

test('dollars are held at the worst case and given back: many small calls fit under a cap, and never more', async () => {
  const { client, records } = await setup(team({ usdPerDay: 0.0005 }))
  let refused = 0
  for (let at = 0; at < 60; at += 1)
    await client.chat.completions
      .create({ ...ask(`question ${at}`), max_tokens: 100 })
      .catch((error: APIError) => {
        expect(error.code).toBe('gateway_daily_usd_exceeded')
        refused += 1
      })
  await client.gateway.flush()
  const spent = records.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0)
  expect(refused).toBeGreaterThan(0)
  expect(spent).toBeLessThanOrEqual(0.0005)
  expect(spent).toBeGreaterThan(0.0004)
})

test('a call larger than the limit itself is told so, and not to try again', async () => {
  const { client } = await setup(team({ tpm: 50, tpmMode: 'strict' }))
  const error = await client.chat.completions.create(ask('x')).catch((error: APIError) => error)
  expect(error).toMatchObject({ code: 'gateway_tpm_exceeded' })
  expect((error as APIError).headers?.get('retry-after')).toBeNull()
})

test('hits are free: they count against no limit', async () => {
  const { client } = await setup(team({ rpm: 1 }))
  for (let at = 0; at < 20; at += 1) await client.chat.completions.create(ask('same'))
})

test('each attempt that reaches upstream counts, and a failed one costs nothing', async () => {
  const { client, upstream, records } = await setup(team({ rpm: 3, usdPerDay: 1 }))
  upstream.fail({ type: 'status', status: 500, headers: { 'retry-after-ms': '1' } }, { times: 2 })
  await client.chat.completions.create(ask('x'))
  await expect(client.chat.completions.create(ask('y'))).rejects.toMatchObject({
    code: 'gateway_rpm_exceeded',
  })
  await client.gateway.flush()
  expect(records[0]).toMatchObject({ status: 'ok' })
  expect(records[0]?.costUsd).toBeGreaterThan(0)
})

test('the model allow-list holds, and a model without a price cannot slip past a budget', async () => {
  const { client, upstream } = await setup(team({ usdPerDay: 1, models: ['gpt-4o-mini', 'mystery'] }))
  await expect(client.chat.completions.create({ ...ask('x'), model: 'gpt-4o' })).rejects.toBeInstanceOf(
    OpenAI.PermissionDeniedError,
  )
  await expect(client.chat.completions.create({ ...ask('x'), model: 'mystery' })).rejects.toMatchObject({
    code: 'gateway_model_not_allowed',
    message: expect.stringContaining('price'),
  })
  expect(upstream.count()).toBe(0)
})

test('an unknown model costs an unknown amount, not nothing', async () => {
  const { client, records } = await setup({ policy: {} })
  await client.chat.completions.create({ ...ask('x'), model: 'mystery' })
  await client.gateway.flush()
  expect(records[0]).not.toHaveProperty('costUsd')
  expect(client.gateway.stats().unpriced).toBe(1)
})

test('2,000 input tokens stay with the small model; one more goes to the large one', async () => {
  const { client, upstream } = await setup({ quota: false }, {}, { tokens: 'exact' })
  const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ')
  // 8 tokens of frame: 3 for the message, 1 for its role, 3 for the reply, and "word" without a space is one, too.
  await client.chat.completions.create(ask(words(1_993)))
  await client.chat.completions.create(ask(words(1_994)))
  const sent = upstream.requests.map(({ model }) => model)
  expect(sent).toEqual(['gpt-4o-mini', 'gpt-4o'])
})
