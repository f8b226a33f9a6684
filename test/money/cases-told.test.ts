import { describe, expect, test } from 'vitest'
import { ask, chat, response, spend, WHOLE, world } from './cases-kit.ts'
import { billOf } from './prices.ts'
import { leftIn } from './schedule.ts'
import type { Plan } from './upstream.ts'
import type { Body } from './work.ts'

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
