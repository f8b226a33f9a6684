/** Tests an agent against a fake OpenAI over real HTTP, with scripted answers and faults. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import type OpenAI from 'openai'

/** The agent under test. It gets a client, and does not depend on the gateway or the fake. */
async function triage(client: OpenAI, ticket: string): Promise<'refund' | 'question'> {
  const { choices } = await client.chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [
      { role: 'system', content: 'Is this a refund or a question? Answer with one word.' },
      { role: 'user', content: ticket },
    ],
  })
  return choices[0]?.message.content?.includes('refund') ? 'refund' : 'question'
}

const upstream = await startFakeOpenAI({ tokens: 'approximate' })
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'test',
  gateway: { agent: 'testing' },
})
test.after(() => upstream.close())

test('reads what the model says', async () => {
  upstream.answer('refund')
  assert.equal(await triage(client, 'My boots leak, I want my money back'), 'refund')
  const sent = upstream.requests.at(-1)?.body.messages
  assert.ok(Array.isArray(sent) && sent.length === 2)
})

test('survives an overloaded model: the fallback answers', async () => {
  upstream.reset()
  upstream.fail({ type: 'status', status: 503 }, { when: { model: 'gpt-4o-mini' } })
  upstream.answer('question')
  assert.equal(await triage(client, 'Do you ship to Norway?'), 'question')
  assert.deepEqual(
    upstream.requests.map(({ model }) => model),
    ['gpt-4o-mini', 'gpt-4o'],
  )
})
