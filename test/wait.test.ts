import { gatewayOptions } from '@hotdash/llm-gateway'
import OpenAI, { type APIError } from 'openai'
import { expect, test } from 'vitest'
import { ask, type Setup, setup, until } from './support.ts'

/** A call is held at $0.006 until it has ended and has then cost next to nothing: one at a time, and many in a row. */
const models = { 'gpt-4o-mini': { input: 0.15, output: 0.6, maxOutput: 10_000 } }
const ONE_AT_A_TIME = 0.0069

const waiting = (team: object = {}, agents: Record<string, { priority: number }> = {}) => ({
  onLimit: 'wait' as const,
  policy: {
    models,
    // The budget holds one call at the usual tier.
    defaultServiceTier: 'default' as const,
    agents,
    teams: { t: { agents: ['support', ...Object.keys(agents)], usdPerDay: ONE_AT_A_TIME, ...team } },
  },
})

const questions = ({ upstream }: Setup) =>
  upstream.requests.map(({ body }) => (body as unknown as ReturnType<typeof ask>).messages[0]?.content)

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: APIError) => error,
  )

const queued = ({ client }: Setup, count: number) =>
  until(() => client.gateway.stats().waiting === count, `${count} calls wait`)

test('calls wait instead of failing, all succeed, and the record says how long', async () => {
  const world = await setup(waiting(), {}, { latencyMs: 20 })
  const { client, upstream, records } = world
  const answers = Array.from({ length: 12 }, (_, at) => client.chat.completions.create(ask(`q${at}`)))
  await queued(world, 11)
  await Promise.all(answers)
  await client.gateway.flush()
  expect(questions(world)).toEqual(Array.from({ length: 12 }, (_, at) => `q${at}`))
  expect(upstream.count()).toBe(12)
  expect(records.map(({ waitedMs }) => waitedMs !== undefined)).toEqual([false, ...Array(11).fill(true)])
  expect(client.gateway.stats()).toMatchObject({ ok: 12, waited: 11, waiting: 0, refused: 0, faults: 0 })
})

test('who waits goes first by priority, then by arrival', async () => {
  const agents = { night: { priority: 9 }, customer: { priority: 0 } }
  // Six calls must queue while the first is under way.
  const world = await setup(waiting({}, agents), {}, { latencyMs: 1_000 })
  const { client } = world
  const send = (name: string, agent: string) =>
    client.chat.completions.create(ask(name), gatewayOptions({ agent }))
  const calls = [send('first', 'night')]
  await until(() => world.upstream.count() === 1, 'the first is under way')
  for (const [at, agent] of ['night', 'night', 'support', 'customer', 'support', 'customer'].entries()) {
    calls.push(send(`${agent} ${at}`, agent))
    await queued(world, at + 1)
  }
  await Promise.all(calls)
  expect(questions(world)).toEqual([
    'first',
    'customer 3',
    'customer 5',
    'support 2',
    'support 4',
    'night 0',
    'night 1',
  ])
})

test('a full line refuses the next with gateway_queue_full', async () => {
  const world = await setup(waiting({ maxQueued: 3 }), {}, { latencyMs: 100 })
  const { client, upstream } = world
  const calls = Array.from({ length: 4 }, (_, at) => client.chat.completions.create(ask(`q${at}`)))
  await queued(world, 3)
  const error = await errorOf(client.chat.completions.create(ask('one too many')))
  expect(error).toBeInstanceOf(OpenAI.RateLimitError)
  expect(error).toMatchObject({ code: 'gateway_queue_full', message: expect.stringContaining('maxQueued') })
  expect(Number(error?.headers?.get('retry-after'))).toBeGreaterThan(0)
  await Promise.all(calls)
  expect(upstream.count()).toBe(4)
})

test('after maxWaitMs a call gets the 429 it would have had, and hears how long it waited', async () => {
  const world = await setup(waiting({ maxWaitMs: 1_200 }), {}, { latencyMs: 3_000 })
  const first = world.client.chat.completions.create(ask('slow'))
  await until(() => world.upstream.count() === 1, 'the first is under way')
  const errors = await Promise.all(
    ['head', 'behind'].map((name) => errorOf(world.client.chat.completions.create(ask(name)))),
  )
  for (const error of errors) {
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({
      code: 'gateway_daily_usd_exceeded',
      message: expect.stringMatching(/has waited \d+ (ms|s) for it/),
    })
    expect(error?.headers?.get('retry-after')).not.toBeNull()
  }
  await first
  await world.client.gateway.flush()
  expect(world.records.filter(({ status }) => status === 'refused')).toHaveLength(2)
  expect(world.upstream.count()).toBe(1)
})

test('a wait longer than maxWaitMs, or without an end, is refused at once', async () => {
  const { client } = await setup(waiting({ rpm: 1 }))
  await client.chat.completions.create(ask('x'))
  const late = await errorOf(client.chat.completions.create(ask('y')))
  expect(late).toMatchObject({ code: 'gateway_rpm_exceeded', message: expect.not.stringContaining('waited') })
  expect(Number(late?.headers?.get('retry-after'))).toBeGreaterThan(50)
})

test('a call that can never fit is refused at once, also when others wait', async () => {
  const world = await setup(waiting(), {}, { latencyMs: 200 })
  const calls = ['a', 'b'].map((name) => world.client.chat.completions.create(ask(name)))
  await queued(world, 1)
  const error = await errorOf(world.client.chat.completions.create({ ...ask('huge'), n: 2 }))
  expect(error).toMatchObject({ code: 'gateway_daily_usd_exceeded' })
  expect(error?.headers?.get('retry-after')).toBeNull()
  expect(world.client.gateway.stats().waiting).toBe(1)
  await Promise.all(calls)
})

test('the call decides, then the client, then the policy', async () => {
  const world = await setup(waiting(), {}, { latencyMs: 200 })
  const calls = ['a', 'b'].map((name) => world.client.chat.completions.create(ask(name)))
  await queued(world, 1)
  const rejected = world.client.chat.completions.create(ask('c'), gatewayOptions({ onLimit: 'reject' }))
  await expect(rejected).rejects.toMatchObject({ code: 'gateway_daily_usd_exceeded' })
  await Promise.all(calls)

  const { policy } = waiting({ onLimit: 'wait' })
  for (const [gateway, waits] of [
    [{ policy }, 1],
    [{ policy, onLimit: 'reject' as const }, 0],
  ] as const) {
    const other = await setup(gateway, {}, { latencyMs: 100 })
    const both = ['a', 'b'].map((name) => errorOf(other.client.chat.completions.create(ask(name))))
    expect((await Promise.all(both)).filter((error) => error === undefined)).toHaveLength(1 + waits)
    expect(other.client.gateway.stats().waited).toBe(waits)
  }
})

test('who aborts leaves the line at once, and its place is the next one’s', async () => {
  const world = await setup(waiting(), {}, { latencyMs: 150 })
  const { client } = world
  const first = client.chat.completions.create(ask('first'))
  await until(() => world.upstream.count() === 1, 'the first is under way')
  const controller = new AbortController()
  const gone = errorOf(client.chat.completions.create(ask('gone'), { signal: controller.signal }))
  await queued(world, 1)
  const timedOut = errorOf(client.chat.completions.create(ask('late'), { timeout: 30, maxRetries: 0 }))
  const stays = client.chat.completions.create(ask('stays'))
  controller.abort()
  expect(await gone).toBeInstanceOf(OpenAI.APIUserAbortError)
  expect(await timedOut).toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
  await Promise.all([first, stays])
  expect(questions(world)).toEqual(['first', 'stays'])
  await client.gateway.flush()
  expect(world.records.map(({ status, costUsd }) => [status, costUsd === 0]).toSorted()).toEqual([
    ['aborted', true],
    ['aborted', true],
    ['ok', false],
    ['ok', false],
  ])
})

test('identical calls wait in one place, and the last to leave gives it up', async () => {
  const world = await setup(waiting(), {}, { latencyMs: 200 })
  const { client } = world
  const first = client.chat.completions.create(ask('first'))
  await until(() => world.upstream.count() === 1, 'the first is under way')
  const controllers = Array.from({ length: 20 }, () => new AbortController())
  const same = controllers.map(({ signal }) =>
    errorOf(client.chat.completions.create(ask('same'), { signal })),
  )
  await until(() => client.gateway.stats().pending === 21, 'all are in')
  await queued(world, 1)
  for (const controller of controllers.slice(1)) controller.abort()
  await Promise.all(same.slice(1))
  expect(client.gateway.stats().waiting).toBe(1)
  controllers[0]?.abort()
  await Promise.all(same)
  expect(client.gateway.stats().waiting).toBe(0)
  await first
  expect(questions(world)).toEqual(['first'])
})

test('followers of a call that waited in vain wait no longer than it did', async () => {
  const world = await setup(waiting({ maxWaitMs: 1_200 }))
  const { client, upstream } = world
  upstream.fail({ type: 'hang' })
  const leaving = new AbortController()
  const first = errorOf(client.chat.completions.create(ask('first'), { signal: leaving.signal }))
  await until(() => upstream.count() === 1, 'the first is under way')
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, client.gateway.stats().waiting)
  }, 1)
  const errors = await Promise.all(
    Array.from({ length: 50 }, () => errorOf(client.chat.completions.create(ask('same')))),
  )
  clearInterval(watch)
  expect(new Set(errors.map((error) => error?.code))).toEqual(new Set(['gateway_daily_usd_exceeded']))
  expect([most, upstream.count()]).toEqual([1, 1])
  leaving.abort()
  await first
})

test('streams wait like the rest', async () => {
  const world = await setup(waiting(), {}, { chunkDelayMs: 5 })
  const contents = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      let content = ''
      // Without its usage, a stream would leave its worst case booked.
      const body = { ...ask(name), stream: true, stream_options: { include_usage: true } } as const
      for await (const chunk of await world.client.chat.completions.create(body))
        content += chunk.choices[0]?.delta.content ?? ''
      return content
    }),
  )
  expect(contents.every((content) => content.length > 0)).toBe(true)
  expect(world.client.gateway.stats()).toMatchObject({ ok: 3, waited: 2 })
})
