import { expect, test } from 'vitest'
import { ask, setup, until } from './support.ts'

const contentOf = async (stream: AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>) => {
  let content = ''
  for await (const chunk of stream) content += chunk.choices[0]?.delta.content ?? ''
  return content
}

test('1,000 identical calls at once, streamed and whole, make one upstream call and get the same answer', async () => {
  for (const firstStreams of [false, true]) {
    const { client, upstream, records } = await setup({ quota: false }, {}, { latencyMs: 150 })
    const calls = Array.from({ length: 1_000 }, async (_, at) => {
      if ((at % 2 === 0) === firstStreams)
        return await contentOf(await client.chat.completions.create({ ...ask('x'), stream: true }))
      return (await client.chat.completions.create(ask('x'))).choices[0]?.message.content
    })
    expect(new Set(await Promise.all(calls)).size).toBe(1)
    expect(upstream.count()).toBe(1)
    await client.gateway.flush()
    const paid = records.filter(({ costUsd }) => costUsd !== 0)
    expect([records.length, paid.length]).toEqual([1_000, 1])
    expect(client.gateway.stats().cache).toMatchObject({ miss: 1, flight: 999 })
  }
})

test('where the first caller leaves, the other callers get the answer, and the next one is billed', async () => {
  const { client, upstream, records } = await setup({}, {}, { latencyMs: 80 })
  const controller = new AbortController()
  const leader = client.chat.completions.create(ask('x'), { signal: controller.signal })
  const follower = client.chat.completions.create(ask('x'))
  await until(() => upstream.count() === 1, 'the request leaves')
  controller.abort()
  await expect(leader).rejects.toThrow('aborted')
  expect((await follower).choices[0]?.finish_reason).toBe('stop')
  await client.gateway.flush()
  expect(upstream.count()).toBe(1)
  expect(upstream.requests[0]?.aborted).toBe(false)
  expect(records.map(({ cache, costUsd }) => [cache, (costUsd ?? 0) > 0]).toSorted()).toEqual([
    ['flight', false],
    ['miss', true],
  ])
})

test('the last to leave cancels upstream, and the next caller asks afresh', async () => {
  const { client, upstream } = await setup({}, {}, { chunkDelayMs: 20 })
  const controllers = [new AbortController(), new AbortController()]
  const streams = await Promise.all(
    controllers.map(({ signal }) =>
      client.chat.completions.create({ ...ask('x'), stream: true }, { signal }),
    ),
  )
  const reading = streams.map(async (stream) => {
    for await (const _ of stream);
  })
  controllers[0]?.abort()
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(upstream.requests[0]?.aborted).toBe(false)
  controllers[1]?.abort()
  await upstream.requests[0]?.closed
  expect(upstream.requests[0]?.aborted).toBe(true)
  await Promise.allSettled(reading)
  expect((await client.chat.completions.create(ask('x'))).choices).toHaveLength(1)
  expect(upstream.count()).toBe(2)
})

test('a late follower of a stream gets what has been and what is to come', async () => {
  const { client, upstream } = await setup({}, {}, { chunkDelayMs: 5 })
  const first = client.chat.completions.create({ ...ask('x'), stream: true })
  const early = contentOf(await first)
  await new Promise((resolve) => setTimeout(resolve, 25))
  const late = contentOf(await client.chat.completions.create({ ...ask('x'), stream: true }))
  expect(await late).toBe(await early)
  expect(upstream.count()).toBe(1)
})

test('followers of a refused leader send their own requests', async () => {
  const teams = { t: { agents: ['support'], rpm: 1 } }
  const { client, upstream } = await setup({
    policy: { teams, models: { 'gpt-4o-mini': { input: 1, output: 1 } } },
  })
  await client.chat.completions.create(ask('one'))
  const refused = await Promise.allSettled([1, 2, 3].map(() => client.chat.completions.create(ask('two'))))
  expect(refused.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
    Array(3).fill('gateway_rpm_exceeded'),
  )
  expect(upstream.count()).toBe(1)
})

test('a bad key of the first caller is not the trouble of the second', async () => {
  const { client, upstream } = await setup({}, {}, { apiKeys: ['good'], latencyMs: 40 })
  const [bad, good] = await Promise.allSettled([
    client.withOptions({ apiKey: 'bad' }).chat.completions.create(ask('x')),
    client.withOptions({ apiKey: 'good' }).chat.completions.create(ask('x')),
  ])
  expect([bad?.status, good?.status]).toEqual(['rejected', 'fulfilled'])
  expect(upstream.count()).toBe(2)
})

test("teams never see each other's answers, neither stored nor in flight", async () => {
  const { client, upstream } = await setup({}, {}, { latencyMs: 30 })
  const { withGateway } = await import('@hotdash/llm-gateway')
  const as = (agent: string) => withGateway({ agent }, () => client.chat.completions.create(ask('x')))
  await Promise.all([as('support'), as('ai-customer'), as('seo'), as('ceo-insights')])
  await Promise.all([as('support'), as('ads'), as('ai-knowledge')])
  expect(upstream.count()).toBe(3)
})
