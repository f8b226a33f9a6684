import fc from 'fast-check'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { bodies, chat, texts, weird } from '../../../../test/texts.ts'
import type { JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { countInput, inputSize, leastTokens } from './count.ts'

const tokens = (text: string) => encode(text, { disallowedSpecial: new Set() }).length

describe('bounds', () => {
  test('no text has fewer tokens than its bound from below', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(leastTokens([text], Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(tokens(text))
      }),
      { numRuns: runs(2_000) },
    )
  })

  test.each([
    ['digits joined by a digit beyond ASCII', '1٣2'],
    ['letters joined by one beyond ASCII', 'naïve'],
    ['a contraction', "it's"],
    ['the longest token there is', ' '.repeat(128)],
  ])('%s: the bound from below holds', (_, text) => {
    expect(leastTokens([text], Number.POSITIVE_INFINITY)).toBe(1)
    expect(tokens(text)).toBeGreaterThanOrEqual(1)
    expect(leastTokens([text.repeat(50)], Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(
      tokens(text.repeat(50)),
    )
  })

  test('nothing counts more than its bound from above', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          weird,
          bodies.map((body) => ['chat', body] as [Operation, JsonObject]),
        ),
        async ([operation, body]) => {
          expect(inputSize(operation, body, JSON.stringify(body)).bound).toBeGreaterThanOrEqual(
            await countInput(operation, body),
          )
        },
      ),
      { numRuns: runs(500) },
    )
  })

  test('an image is held at its tiles, not at its bytes', () => {
    const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`
    const body = chat([{ type: 'image_url', image_url: { url, detail: 'low' } }])
    expect(inputSize('chat', body, JSON.stringify(body)).bound).toBeLessThan(3_100)
  })

  test('an unmeasured image counts at the largest size', () => {
    const body = chat([{ type: 'image_url', image_url: { url: 'https://a.test/b.png' } }])
    expect(inputSize('chat', body, JSON.stringify(body)).bound).toBeGreaterThan(2_833 + 8 * 5_667)
    expect(inputSize('chat', body, '').estimate).toBeLessThan(2_833 + 5 * 5_667)
  })

  test('what comes from elsewhere fills the window', () => {
    const bound = (body: JsonObject) => inputSize('responses', body, JSON.stringify(body)).bound
    const own = { type: 'function', name: 'f' }
    expect(bound({ input: 'hi', tools: [own] })).toBeLessThan(1_000)
    for (const more of [
      { previous_response_id: 'resp_1' },
      { conversation: 'conv_1' },
      { tools: [own, { type: 'web_search' }] },
    ]) {
      expect(bound({ input: 'hi', ...more })).toBeGreaterThan(128_000)
      expect(bound({ input: 'hi', model: 'gpt-4.1', ...more })).toBeGreaterThan(1_000_000)
    }
  })

  test('the estimate of prose is near its count', async () => {
    const body = chat('The quick brown fox jumps over the lazy dog, again and again. '.repeat(100))
    const exact = await countInput('chat', body)
    expect(inputSize('chat', body, JSON.stringify(body)).estimate / exact).toBeGreaterThan(0.8)
    expect(inputSize('chat', body, JSON.stringify(body)).estimate / exact).toBeLessThan(1.25)
  })
})
