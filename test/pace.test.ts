import { gatewayOptions } from '@hotdash/llm-gateway'
import OpenAI, { type APIError } from 'openai'
import { expect, test } from 'vitest'
import { ask, type Setup, setup, until } from './support.ts'

const WAIT = { onLimit: 'wait' as const, policy: { routing: { fallback: false as const } } }
const tooMany = (headers: Record<string, string>) => ({ type: 'status' as const, status: 429, headers })

/** A call that upstream answers with 429 and that is not asked again. */
const jam = async ({ client }: Setup) =>
  await client.chat.completions
    .create(ask('jam'), { maxRetries: 0 })
    .catch((error: APIError) => expect(error.status).toBe(429))

const names = ({ upstream }: Setup) =>
  upstream.requests.map(({ body }) => (body as unknown as ReturnType<typeof ask>).messages[0]?.content)

/** A transport that notes, for each request that leaves, how many are then on their way and how many have been answered. */
function watched() {
  const departures: { underway: number; answered: number }[] = []
  let underway = 0
  let answered = 0
  const transport: typeof fetch = async (...args) => {
    underway += 1
    departures.push({ underway, answered })
    const response = await fetch(...args)
    underway -= 1
    if (response.ok) answered += 1
    return response
  }
  return { transport, departures }
}

test('after a 429 no call leaves until retry-after has passed; then one leaves, and two more for each answer', async () => {
  const { transport, departures } = watched()
  const world = await setup(WAIT, { fetch: transport }, { latencyMs: 40 })
  const { client, upstream } = world
  upstream.fail(tooMany({ 'retry-after-ms': '700' }))
  await jam(world)
  const calls = Array.from({ length: 30 }, (_, at) => client.chat.completions.create(ask(`q${at}`)))
  await until(() => client.gateway.stats().waiting === 30, 'all wait')
  expect(upstream.count()).toBe(1)

  await Promise.all(calls)
  expect(new Set(names(world)).size).toBe(31)
  for (const { underway, answered } of departures) expect(underway).toBeLessThanOrEqual(answered + 1)
  expect(client.gateway.stats()).toMatchObject({ ok: 30, waited: 30, waiting: 0, faults: 0 })
})

test('while upstream keeps refusing, only the one in front pays for finding out', async () => {
  const world = await setup(WAIT)
  const { client, upstream } = world
  upstream.fail(tooMany({ 'retry-after-ms': '150' }), { times: 3 })
  await jam(world)
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) => client.chat.completions.create(ask(`q${at}`))),
  )
  expect(results.every(({ status }) => status === 'fulfilled')).toBe(true)
  // The jam, two more refusals, and 20 answers.
  expect(upstream.count()).toBe(23)
})

test('calls that got a 429 together are retried one by one, and each is answered', async () => {
  const { transport, departures } = watched()
  const world = await setup(WAIT, { fetch: transport }, { latencyMs: 30 })
  const { client, upstream } = world
  upstream.fail(tooMany({ 'retry-after': '1' }), { times: 25 })
  await Promise.all(Array.from({ length: 25 }, (_, at) => client.chat.completions.create(ask(`q${at}`))))
  expect(upstream.count()).toBe(50)
  for (const { underway, answered } of departures.slice(25))
    expect(underway).toBeLessThanOrEqual(answered + 1)
  await client.gateway.flush()
  expect(world.records.every(({ attempts }) => attempts.length === 2)).toBe(true)
})

test('after the pause the most urgent go first, whatever their team', async () => {
  const policy = {
    ...WAIT.policy,
    teams: { a: { agents: ['night'], rpm: 100 }, b: { agents: ['customer'], rpm: 100 } },
    agents: { night: { priority: 9 }, customer: { priority: 0 } },
  }
  const world = await setup({ ...WAIT, policy })
  const { client, upstream } = world
  upstream.fail(tooMany({ 'retry-after-ms': '400' }))
  await jam(world)
  const calls = ['night', 'customer', 'night', 'customer'].map((agent, at) =>
    client.chat.completions.create(ask(`${agent} ${at}`), gatewayOptions({ agent })),
  )
  await Promise.all(calls)
  expect(names(world)).toEqual(['jam', 'customer 1', 'customer 3', 'night 0', 'night 2'])
})

test('another model, another key and calls that do not wait go on as they are', async () => {
  const world = await setup(WAIT)
  const { client, upstream } = world
  upstream.fail(tooMany({ 'retry-after': '30' }))
  await jam(world)
  await client.chat.completions.create({ ...ask('other model'), model: 'gpt-4o' })
  await client.withOptions({ apiKey: 'another' }).chat.completions.create(ask('other key'))
  await client.chat.completions.create(ask('rejects'), gatewayOptions({ onLimit: 'reject' }))
  expect(client.gateway.stats()).toMatchObject({ ok: 3, waited: 0, waiting: 0 })
})

test('an empty account is no jam, and a pause longer than maxWaitMs is not waited for', async () => {
  const policy = { ...WAIT.policy, teams: { t: { agents: ['support'], maxWaitMs: 1_000 } } }
  const world = await setup({ ...WAIT, policy })
  world.upstream.fail({ type: 'status', status: 429, code: 'insufficient_quota' })
  await jam(world)
  await world.client.chat.completions.create(ask('x'))
  world.upstream.fail(tooMany({ 'retry-after': '30' }))
  await jam(world)
  await world.client.chat.completions.create(ask('y'))
  expect(world.client.gateway.stats().waited).toBe(0)
})

test('who leaves while upstream pauses has sent nothing', async () => {
  const world = await setup(WAIT)
  const { client, upstream } = world
  upstream.fail(tooMany({ 'retry-after': '20' }))
  await jam(world)
  const controllers = Array.from({ length: 50 }, () => new AbortController())
  const calls = controllers.map(({ signal }, at) =>
    client.chat.completions.create(ask(`q${at}`), { signal }).catch((error: unknown) => error),
  )
  await until(() => client.gateway.stats().waiting === 50, 'all wait')
  for (const controller of controllers) controller.abort()
  for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(OpenAI.APIUserAbortError)
  await client.gateway.flush()
  expect(client.gateway.stats()).toMatchObject({ waiting: 0, aborted: 50 })
  expect(upstream.count()).toBe(1)
})

test('a call that waits for its team keeps no other call from upstream', async () => {
  const models = { 'gpt-4o-mini': { input: 0.15, output: 0.6, maxOutput: 10_000 } }
  const policy = {
    ...WAIT.policy,
    models,
    defaultServiceTier: 'default' as const,
    teams: { poor: { agents: ['poor'], usdPerDay: 0.0069 }, rich: { agents: ['support'] } },
    agents: { poor: { priority: 0 } },
  }
  const world = await setup({ ...WAIT, policy })
  const { client, upstream } = world
  const poor = gatewayOptions({ agent: 'poor' })
  upstream.fail({ type: 'latency', ms: 2_500 })
  const busy = client.chat.completions.create(ask('poor busy'), poor)
  await until(() => upstream.count() === 1, 'the poor team is busy')
  upstream.fail(tooMany({ 'retry-after-ms': '200' }))
  await jam(world)
  const calls = [
    client.chat.completions.create(ask('poor next'), poor),
    ...['a', 'b', 'c'].map((name) => client.chat.completions.create(ask(name))),
  ]
  await Promise.all([busy, ...calls])
  expect(names(world)).toEqual(['poor busy', 'jam', 'a', 'b', 'c', 'poor next'])
})
