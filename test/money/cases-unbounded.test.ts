import { describe, expect, test } from 'vitest'
import { ask, chat, response, spend, WHOLE, world } from './cases-kit.ts'
import { leftIn } from './schedule.ts'
import type { Body } from './work.ts'

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
