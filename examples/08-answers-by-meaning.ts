/** The semantic cache answers a question in other words. An admin inspects, pins and removes the entry. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import type { Embedder } from '@hotdash/llm-gateway/local-embedder'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

/** Stands for an embedding model: texts with common words are similar. Without it, OpenAI makes the vectors. */
const embedder: Embedder = {
  id: 'words-1',
  dimensions: 256,
  embed: async (texts) =>
    texts.map((text) => {
      const vector = new Float32Array(256)
      for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
        const at = [...word].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 256, 7)
        vector[at] = (vector[at] ?? 0) + 1
      }
      return vector.map((value) => value / (Math.hypot(...vector) || 1))
    }),
}

const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: {
    agent: 'support',
    policy: { agents: { support: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } } } },
    cache: { semantic: { embedder } },
  },
})

async function ask(content: string): Promise<string | null> {
  const messages = [{ role: 'user' as const, content }]
  const { response } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages }).withResponse()
  await client.gateway.flush()
  console.log(response.headers.get('x-gateway-cache')?.padEnd(8), content)
  return response.headers.get('x-gateway-cache')
}

assert.equal(await ask('Do you ship the wooden chairs to Norway?'), 'miss')
assert.equal(await ask('Do you ship wooden chairs to Norway?'), 'semantic')
// A guard vetoes: another country is another question, even with the same words.
assert.equal(await ask('Do you ship the wooden chairs to Sweden?'), 'miss')

const admin = client.gateway.semantic
assert.ok(admin)
const entries = await admin.list({ agent: 'support' })
const norway = entries.find(({ question }) => question.includes('Norway'))
assert.ok(norway)
console.log({ ...norway, answer: `${norway.answer.slice(0, 40)}…` })
assert.equal(norway.hits, 1)

assert.equal(await admin.pin(norway.key), true)
assert.equal((await admin.inspect(norway.key))?.pinned, true)
assert.equal(await admin.remove({ key: norway.key }), 1)
assert.equal(await admin.inspect(norway.key), undefined)

await client.gateway.close()
await upstream.close()
