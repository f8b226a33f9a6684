import { describe, expect, test } from 'vitest'
import { ask, chat, response, spend, WHOLE, world } from './cases-kit.ts'
import type { Body } from './work.ts'

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
