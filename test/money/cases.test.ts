import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayClient, Policy } from '@hotdash/llm-gateway'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../until.ts'
import { billOf } from './prices.ts'
import { clientFor, leftIn, policyOf } from './schedule.ts'
import { type Plan, startBilling } from './upstream.ts'
import type { Body } from './work.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

const WHOLE: Plan = { fate: { type: 'whole' }, telling: 'true', zeal: 'most' }
const NO_MORE: Plan = { fate: { type: 'refused', status: 400 }, telling: 'none', zeal: 'some' }

async function world(cap: number, plan: Plan, more: Policy = {}, project = 'default') {
  const upstream = await startBilling(
    project,
    () => 0,
    ({ model }) => (model === 'probe' ? NO_MORE : plan),
  )
  const client = clientFor(upstream.baseURL, policyOf(cap, more), { maxRetries: 0 })
  open.push(upstream.close, () => client.gateway.close(1_000))
  return { ...upstream, client }
}

type World = Awaited<ReturnType<typeof world>>

async function ask(
  client: GatewayClient,
  path: string,
  body: Body,
  signal: AbortSignal = AbortSignal.timeout(10_000),
): Promise<{ code?: unknown } | undefined> {
  try {
    const answer = await client.post(path, { body, stream: body.stream === true, signal })
    if (body.stream === true) for await (const _ of answer as AsyncIterable<unknown>);
    return undefined
  } catch (error) {
    return error as { code?: unknown }
  }
}

/** Asks until the budget lets nothing more in, or `times`; upstream never bills more than the cap. */
async function spend(
  { client, books }: World,
  cap: number,
  path: string,
  body: Body,
  { times = 40, leaveAfterMs }: { times?: number; leaveAfterMs?: number } = {},
) {
  const codes = new Set<unknown>()
  for (let at = 0; at < times; at += 4) {
    const leave = new AbortController()
    const asks = Array.from({ length: 4 }, () =>
      ask(client, path, body, leaveAfterMs === undefined ? undefined : leave.signal),
    )
    if (leaveAfterMs !== undefined) {
      const heard = books.entries.length
      await Promise.race([
        until(() => books.entries.length > heard, 'upstream', 20_000).catch(() => undefined),
        Promise.all(asks),
      ])
      await sleep(leaveAfterMs)
      leave.abort()
    }
    for (const error of await Promise.all(asks)) codes.add(error?.code)
    await client.gateway.flush()
  }
  expect(books.billed).toBeLessThanOrEqual(cap * 1e9)
  return codes
}

const chat = (more: Body = {}): Body => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'q' }],
  ...more,
})
const response = (more: Body = {}): Body => ({ model: 'gpt-4o', input: 'q', ...more })

describe('what upstream did not tell is worth the worst case', () => {
  const cut: Plan = { fate: { type: 'cut', at: 0.01 }, telling: 'true', zeal: 'most' }
  test.each<[string, string, Body, Plan]>([
    [
      'a whole answer cut after its headers',
      '/chat/completions',
      chat(),
      { ...cut, fate: { type: 'cut', at: 0 } },
    ],
    [
      'a whole answer cut in its middle',
      '/chat/completions',
      chat(),
      { ...cut, fate: { type: 'cut', at: 0.5 } },
    ],
    [
      'a stream cut before the first word',
      '/chat/completions',
      chat({ model: 'o4-mini', stream: true }),
      cut,
    ],
    ['a Response cut before the first word', '/responses', response({ model: 'o4-mini', stream: true }), cut],
    [
      'a stream without usage of a model that thinks',
      '/chat/completions',
      chat({ model: 'o4-mini', stream: true }),
      WHOLE,
    ],
    ['a background Response', '/responses', response({ background: true }), WHOLE],
    ['a gateway time-out', '/chat/completions', chat(), { ...cut, fate: { type: 'lost', status: 504 } }],
    ['a reset', '/chat/completions', chat(), { ...cut, fate: { type: 'reset' } }],
  ])('%s', async (_, path, body, plan) => {
    const it = await world(0.1, plan)
    await spend(it, 0.1, path, body)
    expect(it.books.entries.length).toBeGreaterThan(0)
    expect(await leftIn(it.client, 1e8)).toBeLessThan(0.5 * 1e8)
  })

  test.each([100, 101, 150] as const)('a reasoning stream left before its first word (%i)', async () => {
    const it = await world(0.1, { fate: { type: 'hang', at: 0 }, telling: 'true', zeal: 'most' })
    await spend(it, 0.1, '/chat/completions', chat({ model: 'o4-mini', stream: true }), {
      times: 8,
      leaveAfterMs: 20,
    })
    expect(it.books.entries.length).toBeGreaterThan(0)
  })

  test.each(['none', 'null', 'negative', 'words', 'half', 'small', 'sum', 'parts', 'zero'] as const)(
    'usage that is no usage: %s',
    async (telling) => {
      const it = await world(0.1, { ...WHOLE, telling })
      await spend(it, 0.1, '/chat/completions', chat())
      await spend(it, 0.1, '/responses', response({ stream: true }))
      expect(it.books.entries.length).toBeGreaterThan(0)
    },
  )
})

describe('what a request only names, and what upstream does of its own accord', () => {
  test.each<[string, string, Body]>([
    ['earlier turns', '/responses', response({ previous_response_id: 'resp_1' })],
    ['earlier turns of a routed model', '/responses', response({ model: 'auto', conversation: 'conv_1' })],
    [
      'earlier turns of a model with a wide window',
      '/responses',
      response({ model: 'gpt-4.1', previous_response_id: 'r' }),
    ],
    ['a stored prompt', '/responses', response({ prompt: { id: 'pmpt_1' }, tool_choice: 'none' })],
    ['an item by its id', '/responses', response({ input: [{ type: 'item_reference', id: 'i' }] })],
    ['thought by its id', '/responses', response({ input: [{ type: 'reasoning', id: 'i', summary: [] }] })],
    [
      'a file by its id',
      '/chat/completions',
      chat({ messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'f' } }] }] }),
    ],
    ['a search model', '/chat/completions', chat({ model: 'gpt-4o-search-preview' })],
    ['search options', '/chat/completions', chat({ web_search_options: {} })],
    ['web search', '/responses', response({ tools: [{ type: 'web_search' }], max_tool_calls: 2 })],
    [
      'web search in preview',
      '/responses',
      response({ tools: [{ type: 'web_search_preview' }], max_tool_calls: 1 }),
    ],
    ['file search', '/responses', response({ tools: [{ type: 'file_search' }], max_tool_calls: 3 })],
    [
      'code interpreter',
      '/responses',
      response({ tools: [{ type: 'code_interpreter', container: { type: 'auto' } }], max_tool_calls: 2 }),
    ],
    [
      'MCP, whose results are fed back',
      '/responses',
      response({ tools: [{ type: 'mcp' }], max_tool_calls: 4 }),
    ],
    ['spoken answers', '/chat/completions', chat({ model: 'gpt-audio', modalities: ['text', 'audio'] })],
    ['two limits', '/chat/completions', chat({ max_tokens: 1, max_completion_tokens: 2_000 })],
    ['a limit of another endpoint', '/responses', response({ max_tokens: 1, max_completion_tokens: 1 })],
    ['a limit in words', '/chat/completions', chat({ max_tokens: '5' })],
    ['a limit of nothing', '/chat/completions', chat({ max_completion_tokens: 0 })],
    ['several choices', '/chat/completions', chat({ n: 3, max_tokens: 500 })],
    ['best of several', '/completions', { model: 'gpt-3.5-turbo-instruct', prompt: 'q', best_of: 4 }],
    [
      'a prediction',
      '/chat/completions',
      chat({ prediction: { type: 'content', content: 'as before '.repeat(500) } }),
    ],
    ['flex that is served at the usual tier', '/chat/completions', chat({ service_tier: 'flex' })],
  ])('%s', async (_, path, body) => {
    for (const cap of [0.05, 8]) {
      for (const plan of [WHOLE, { ...WHOLE, fate: { type: 'cut', at: 0.3 } } as const]) {
        const it = await world(cap, plan)
        await spend(it, cap, path, body, { times: 16 })
        if (cap === 8) expect(it.books.entries.length).toBeGreaterThan(0)
      }
    }
  })

  test.each<[string, Body]>([
    ['nothing said', {}],
    ['auto', { service_tier: 'auto' }],
  ])('a project at the priority tier: %s', async (_, tier) => {
    for (const plan of [WHOLE, { ...WHOLE, fate: { type: 'cut', at: 0.3 } } as const]) {
      const it = await world(0.2, plan, {}, 'priority')
      await spend(it, 0.2, '/chat/completions', chat(tier))
      await spend(it, 0.2, '/responses', response(tier))
      expect(it.books.entries.length).toBeGreaterThan(0)
    }
  })

  test('a call that fits the cap at the usual tier only is refused until the tier is known', async () => {
    // One answer at the usual tier fits, but not at the dearest.
    for (const project of ['priority', 'default']) {
      const it = await world(0.03, WHOLE, {}, project)
      expect(await ask(it.client, '/chat/completions', chat())).toMatchObject({
        status: 429,
        code: 'gateway_daily_usd_exceeded',
        param: 'service_tier',
        message: expect.stringMatching(/defaultServiceTier.*service_tier/),
      })
      expect(await ask(it.client, '/chat/completions', chat({ service_tier: 'default' }))).toBeUndefined()
      const { client } = await world(0.03, WHOLE, {}, project)
      for (let told = 0; told < 3; told += 1)
        expect(await ask(client, '/chat/completions', chat({ max_tokens: 10 }))).toBeUndefined()
      await client.gateway.flush()
      expect(await ask(client, '/chat/completions', chat())).toEqual(
        project === 'default' ? undefined : expect.objectContaining({ code: 'gateway_daily_usd_exceeded' }),
      )
    }
  })

  test('a tier that a policy names is the one that is held', async () => {
    const it = await world(0.03, WHOLE, { defaultServiceTier: 'default' })
    // One answer at the usual tier fits, but not at the dearest.
    expect(await ask(it.client, '/chat/completions', chat())).toBeUndefined()
    const other = await world(0.03, WHOLE, { defaultServiceTier: 'priority' })
    expect(await ask(other.client, '/chat/completions', chat())).toMatchObject({
      code: 'gateway_daily_usd_exceeded',
    })
  })
})

describe('what nothing bounds is refused under a budget, and says how to bound it', () => {
  const image = { type: 'image_generation' }
  test.each<[string, string, Body, string, RegExp]>([
    [
      'pictures',
      '/responses',
      response({ tools: [image], max_tool_calls: 1 }),
      'tools',
      /hostedTools\.fees\["image_generation"\]/,
    ],
    [
      'a tool of tomorrow',
      '/responses',
      response({ tools: [{ type: 'dreams' }], max_tool_calls: 1 }),
      'tools',
      /"dreams"/,
    ],
    [
      'tools that an item adds',
      '/responses',
      response({ input: [{ type: 'additional_tools', role: 'developer', tools: [image] }] }),
      'tools',
      /fees/,
    ],
    ['a tool in chat', '/chat/completions', chat({ tools: [{ type: 'web_search' }] }), 'tools', /Responses/],
  ])('%s', async (_, path, body, param, fix) => {
    const it = await world(1_000, WHOLE)
    const error = await ask(it.client, path, body)
    expect(error).toMatchObject({
      status: 403,
      code: 'gateway_cost_unbounded',
      param,
      message: expect.stringMatching(fix),
    })
    expect(it.books.entries).toHaveLength(0)
  })

  test.each<[string, Body]>([
    ['a tool without a maximum', { tools: [{ type: 'web_search' }] }],
    ['a maximum of zero', { tools: [{ type: 'mcp' }], max_tool_calls: 0 }],
    ['a stored prompt, which may bring tools', { prompt: { id: 'p' } }],
  ])('%s: upstream is told to call no more than four', async (_, more) => {
    const it = await world(20, WHOLE)
    expect(await ask(it.client, '/responses', response(more))).toBeUndefined()
    expect(it.books.entries[0]?.body.max_tool_calls).toBe(4)
    await spend(it, 20, '/responses', response(more))
  })

  test('sound without a known price', async () => {
    const it = await world(1_000, WHOLE, { models: { 'gpt-4o-audio-preview': {} } })
    const spoken = chat({ model: 'gpt-4o-audio-preview', modalities: ['text', 'audio'] })
    const error = await ask(it.client, '/chat/completions', spoken)
    expect(error).toMatchObject({
      code: 'gateway_model_not_allowed',
      message: expect.stringContaining('audioOutput'),
    })
  })

  test('a policy bounds the calls of tools, which upstream is told, and prices them', async () => {
    const hostedTools = { maxToolCalls: 2, fees: { image_generation: 0.25 } }
    const it = await world(4, WHOLE, { hostedTools })
    await spend(it, 4, '/responses', response({ tools: [image] }), { times: 8 })
    const [first] = it.books.entries
    expect(first?.body.max_tool_calls).toBe(2)
    // The fee is exact, so the books are.
    expect(await leftIn(it.client, 4e9)).toBe(4e9 - Math.ceil(it.books.billed))
  })

  test('a policy says what a call with tools may cost in all', async () => {
    const it = await world(4, { ...WHOLE, fate: { type: 'cut', at: 0 } }, { hostedTools: { worstUsd: 1.5 } })
    const more = response({ tools: [image], max_tool_calls: 1 })
    const codes = await spend(it, 4, '/responses', more, { times: 8 })
    expect(codes).toContain('gateway_daily_usd_exceeded')
    expect(it.books.entries).toHaveLength(2)
    expect(await leftIn(it.client, 4e9)).toBe(1e9)
  })

  test('without a budget nothing is refused and nothing is changed', async () => {
    const it = await world(1, WHOLE, {
      teams: { t: { agents: ['a'], rpm: 100 } },
      hostedTools: { maxToolCalls: 1 },
    })
    expect(await ask(it.client, '/responses', response({ tools: [{ type: 'web_search' }] }))).toBeUndefined()
    expect(it.books.entries[0]?.body).not.toHaveProperty('max_tool_calls')
  })
})

describe('what was told is all that is booked', () => {
  test.each<[string, string, Body]>([
    ['chat', '/chat/completions', chat()],
    [
      'a stream with usage',
      '/chat/completions',
      chat({ stream: true, stream_options: { include_usage: true } }),
    ],
    ['Responses', '/responses', response({ previous_response_id: 'r' })],
    ['a streamed Response', '/responses', response({ stream: true })],
    ['completions', '/completions', { model: 'gpt-3.5-turbo-instruct', prompt: 'q' }],
    ['embeddings', '/embeddings', { model: 'text-embedding-3-small', input: 'some words' }],
    ['spoken answers', '/chat/completions', chat({ model: 'gpt-audio', modalities: ['text', 'audio'] })],
  ])('%s: to the billionth', async (_, path, body) => {
    const it = await world(5, WHOLE)
    await ask(it.client, path, body)
    await it.client.gateway.flush()
    const billed = it.books.entries
      .map(({ work }) => Math.ceil(billOf(work)))
      .reduce((sum, bill) => sum + bill, 0)
    expect(billed).toBeGreaterThan(0)
    expect(await leftIn(it.client, 5e9)).toBe(5e9 - billed)
  })

  test.each([400, 401, 404, 429, 500, 503])('a refusal with %i costs nothing', async (status) => {
    const it = await world(5, { ...WHOLE, fate: { type: 'refused', status } })
    await ask(it.client, '/chat/completions', chat())
    await it.client.gateway.flush()
    expect(await leftIn(it.client, 5e9)).toBe(5e9)
  })

  test('an address without a listening server costs nothing', async () => {
    const it = await world(5, WHOLE)
    await it.close()
    await ask(it.client, '/chat/completions', chat())
    await it.client.gateway.flush()
    expect(it.client.gateway.stats()).toMatchObject({ costUsd: 0 })
  })
})
