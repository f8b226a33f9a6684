import type { GatewayOptions } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { ask, setup } from './support.ts'

const WORDS = 512

/** Texts that share words are alike: enough to tell what the gateway does with vectors. */
const embedder = {
  id: 'words',
  dimensions: WORDS,
  embed: async (texts: readonly string[]) => texts.map(vectorOf),
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(WORDS)
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    let hash = 7
    for (const letter of word) hash = (hash * 31 + letter.charCodeAt(0)) % WORDS
    vector[hash] = (vector[hash] ?? 0) + 1
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / (length || 1))
}

const on = (more: object = {}): GatewayOptions => ({
  policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false, ...more } } },
  cache: { semantic: { embedder } },
})

test('a question in other words has the answer again, and says so', async () => {
  const { client, records, upstream } = await setup(on())
  const first = await client.chat.completions.create(ask('Do you ship the wooden chairs to Norway?'))
  await client.gateway.flush()
  const { data, response } = await client.chat.completions
    .create(ask('Do you ship wooden chairs to Norway?'))
    .withResponse()
  await client.gateway.flush()
  expect(data.choices).toEqual(first.choices)
  expect(response.headers.get('x-gateway-cache')).toBe('semantic')
  expect(Number(response.headers.get('x-gateway-similarity'))).toBeGreaterThan(0.9)
  expect(records.map(({ cache, semantic }) => [cache, semantic?.outcome])).toEqual([
    ['miss', 'nothing'],
    ['semantic', 'hit'],
  ])
  expect(records[1]).toMatchObject({ costUsd: 0, savedUsd: records[0]?.costUsd })
  expect(upstream.requests).toHaveLength(1)
  expect(client.gateway.stats().semantic?.support).toMatchObject({ asked: 2, hitRate: 0.5 })
})
