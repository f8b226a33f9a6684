import { createGatewayClient } from '@hotdash/llm-gateway'
import { DeliveryError, type Report, type Sink } from '@hotdash/llm-gateway/sinks'
import { expect, test } from 'vitest'
import { ask, setup, until } from './support.ts'

/** A sink that keeps what it is given, unless told to fail. */
function keeper(fail: () => Error | undefined = () => undefined) {
  const reports: Report[] = []
  const sink: Sink = {
    name: 'keeper',
    lingerMs: 10,
    async deliver(batch) {
      const error = fail()
      if (error) throw error
      reports.push(...batch)
      return undefined
    },
  }
  return { sink, reports }
}

test('every call arrives once, with what was asked and answered', async () => {
  const { sink, reports } = keeper()
  const { client } = await setup({ agent: 'seo', sinks: [sink] })
  await client.chat.completions.create({ ...ask('Where is order 17?'), temperature: 0.2 })
  await client.chat.completions.create({ ...ask('Where is order 17?'), temperature: 0.2 })
  await client.models.list()
  expect(await client.gateway.flush()).toBe(true)
  expect(reports.map(({ record }) => [record.operation, record.cache, record.status])).toEqual([
    ['chat', 'miss', 'ok'],
    ['chat', 'exact', 'ok'],
    ['other', 'bypass', 'ok'],
  ])
  expect(reports[0]?.parameters).toEqual({ temperature: 0.2 })
  expect(reports[0]?.content).toMatchObject({
    input: [{ role: 'user', content: 'Where is order 17?' }],
    output: { role: 'assistant' },
  })
  expect(reports[1]?.content?.output).toEqual(reports[0]?.content?.output)
  expect(client.gateway.stats().sinks).toMatchObject({ keeper: { delivered: 3, queued: 0, dropped: 0 } })
})

test('what reaches a person is masked, and keys always are', async () => {
  const { sink, reports } = keeper()
  const content =
    'I am ann@example.org, +49 170 1234567, card 4242 4242 4242 4242, key sk-abcdefghijklmnopqrstuvwx'
  const policy = { agents: { support: { capture: 'on' as const }, ads: { capture: 'off' as const } } }
  const { client } = await setup({ sinks: [sink], policy })
  for (const agent of ['seo', 'support', 'ads'])
    await client.chat.completions.create(ask(content), {
      headers: { 'x-gateway-agent': agent, 'x-gateway-user': 'ann@example.org' },
    })
  await client.gateway.flush()
  const [masked, on, off] = reports
  expect(masked?.content?.input).toEqual([
    { role: 'user', content: 'I am <email>, <phone>, card <card>, key <key>' },
  ])
  expect(masked?.record.user).toBe('<email>')
  expect(on?.content?.input).toEqual([{ role: 'user', content: content.replace(/sk-.*/, '<key>') }])
  expect(off?.content).toBeUndefined()
  expect(off?.record.user).toBe('<email>')
})

test('a mask that fails lets nothing through', async () => {
  const { sink, reports } = keeper()
  const mask = () => {
    throw new Error('broken')
  }
  const { client } = await setup({ sinks: [sink], mask })
  await client.chat.completions.create(ask('secret plans'))
  await client.gateway.flush()
  expect(JSON.stringify(reports)).not.toContain('secret plans')
  expect(reports[0]?.content?.input).toEqual([{ role: '<the mask failed>', content: '<the mask failed>' }])
})

test('a sink that is down keeps its reports, and delivers them when it is back', async () => {
  let down = true
  const { sink, reports } = keeper(() => (down ? new DeliveryError('no') : undefined))
  const { client } = await setup({ agent: 'seo', sinks: [sink] })
  for (let call = 0; call < 5; call += 1) await client.chat.completions.create(ask(`question ${call}`))
  expect(await client.gateway.flush()).toBe(false)
  expect(client.gateway.stats().sinks?.keeper).toMatchObject({ queued: 5, delivered: 0, state: 'failing' })
  down = false
  await until(() => reports.length === 5, 'the reports arrive')
  expect(await client.gateway.flush()).toBe(true)
  expect(client.gateway.stats().sinks?.keeper).toMatchObject({ queued: 0, delivered: 5, state: 'up' })
})

test('two sinks of one name are refused, and so is one that delivers nothing', () => {
  const { sink } = keeper()
  expect(() => createGatewayClient({ apiKey: 'k', gateway: { sinks: [sink, sink] } })).toThrow(
    /sinks.*name of its own/s,
  )
  const bad = { name: 'x' } as unknown as Sink
  expect(() => createGatewayClient({ apiKey: 'k', gateway: { sinks: [bad] } })).toThrow(/sinks.*deliver/s)
})

test('where functions are frozen once they have answered, they are kept awake until their records are delivered', async () => {
  const { sink, reports } = keeper()
  const kept: Promise<unknown>[] = []
  const { client } = await setup({
    agent: 'seo',
    sinks: [sink],
    waitUntil: (promise) => void kept.push(promise),
  })
  const stream = await client.chat.completions.create({ ...ask('a stream'), stream: true })
  expect(kept).toHaveLength(1)
  for await (const _ of stream);
  await Promise.all(kept)
  expect(reports).toHaveLength(1)
})

test('hooks that throw break nothing, and are counted', async () => {
  const broken = () => {
    throw new Error('broken')
  }
  const { client } = await setup({ waitUntil: broken })
  await client.chat.completions.create(ask('anything'))
  expect(client.gateway.stats().hookErrors).toBe(1)
})

test('credentials of hosted tools stay here', async () => {
  const { sink, reports } = keeper()
  const { client } = await setup({ sinks: [sink], capture: 'on' })
  const tool = {
    type: 'mcp' as const,
    server_label: 'crm',
    server_url: 'https://crm.example/mcp',
    authorization: 'very-secret-1',
    headers: { 'X-Api': 'very-secret-2' },
    require_approval: 'never' as const,
  }
  await client.responses
    .create({ model: 'gpt-4o-mini', input: 'hello', tools: [tool] })
    .catch(() => undefined)
  await client.gateway.flush()
  const seen = JSON.stringify(reports)
  expect(seen).toContain('crm')
  expect(seen).not.toMatch(/very-secret/)
})
