import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { bodies, chat, texts, weird } from '../../../../test/texts.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { countInput, exceeds, inputSize } from './count.ts'

const ask = (body: JsonObject, limit: number, operation: Operation = 'chat') =>
  exceeds(operation, body, JSON.stringify(body), limit)

describe('exceeds', () => {
  test('is exact at the border', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const exact = await countInput('chat', body)
        expect(await ask(body, exact)).toBe(false)
        expect(await ask(body, exact - 1)).toBe(true)
      }),
      { numRuns: runs(300) },
    )
  })

  test('agrees with the count for any limit and any shape', async () => {
    await fc.assert(
      fc.asyncProperty(weird, fc.nat(60), async ([operation, body], limit) => {
        expect(await ask(body, limit, operation)).toBe((await countInput(operation, body)) > limit)
      }),
      { numRuns: runs(500) },
    )
  })

  test('grows with what is said', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, texts, fc.nat(400), async (body, more, limit) => {
        const longer = { messages: [...(body.messages as Json[]), { role: 'user', content: more }] }
        if (await ask(body, limit)) expect(await ask(longer, limit)).toBe(true)
      }),
      { numRuns: runs(100) },
    )
  })

  test('far from the border it answers at once, without the tokeniser', async () => {
    let loaded = false
    vi.resetModules()
    vi.doMock('gpt-tokenizer/encoding/o200k_base', async (original) => {
      loaded = true
      return await original()
    })
    const fresh = await import('./count.ts')
    const now = (body: JsonObject) => fresh.exceeds('chat', body, JSON.stringify(body), 2_000)
    expect(now(chat('hello'))).toBe(false)
    expect(now(chat('x'.repeat(1_990)))).toBe(false)
    expect(now(chat('many words '.repeat(1_100)))).toBe(true)
    expect(now(chat('0123456789'.repeat(700)))).toBe(true)
    expect(now(chat('a'.repeat(1_000_000)))).toBe(true)
    expect(now(chat(' '.repeat(1_000_000)))).toBe(true)
    expect(
      now(chat([{ type: 'image_url', image_url: { url: 'https://a.test/b.png', detail: 'low' } }])),
    ).toBe(true)
    expect(fresh.inputSize('chat', chat('hello'), '').estimate).toBeGreaterThan(0)
    expect(loaded).toBe(false)
    expect(now(chat('a'.repeat(3_000)))).toBeInstanceOf(Promise)
    await now(chat('a'.repeat(3_000)))
    expect(loaded).toBe(true)
    vi.doUnmock('gpt-tokenizer/encoding/o200k_base')
  })

  test('embeddings never do', () => {
    expect(ask({ input: 'many words '.repeat(10_000) }, 10, 'embeddings')).toBe(false)
  })

  test('nesting deeper than JSON can be written does not throw', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`) as JsonObject
    const body = { ...chat('hi'), tools: [deep], response_format: { type: 'json_schema', json_schema: deep } }
    expect(await exceeds('chat', body, '"tools"', 2_000)).toBe(true)
    expect(inputSize('chat', body, '').bound).toBeGreaterThan(20_000)
  })
})
