import { createGateway, createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import { AzureOpenAI, type ClientOptions } from 'openai'
import { expect, test } from 'vitest'

const chunk = (more: object) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', ...more })}\n\n`
const said = chunk({
  choices: [{ index: 0, delta: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
})
const usage = chunk({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 } })
const STREAM = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'q' }],
  stream: true as const,
}

/** A transport that keeps what it was asked, and answers as OpenAI does. */
function transport() {
  const sent: { url: string; body: { stream_options?: unknown; model?: string } }[] = []
  const fetch = (async (input: string | URL | Request, init?: RequestInit) => {
    const body = JSON.parse(String(init?.body))
    sent.push({ url: String(input), body })
    const text = `${said}${body.stream_options?.include_usage ? usage : ''}data: [DONE]\n\n`
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
  }) as typeof globalThis.fetch
  return { fetch, sent }
}

async function askedBy(options: ClientOptions, policy: Policy = {}) {
  const { fetch, sent } = transport()
  const gateway = { agent: 'a', policy: { teams: TEAMS, ...policy }, cache: false as const }
  const client = createGatewayClient({ apiKey: 'k', fetch, ...options, gateway })
  const chunks: object[] = []
  for await (const chunk of await client.chat.completions.create(STREAM)) chunks.push(chunk)
  expect(chunks).toHaveLength(1)
  expect(chunks[0]).not.toHaveProperty('usage')
  return sent[0]?.body.stream_options
}

const TEAMS = { t: { agents: ['a'] } }
const ASKED = { include_usage: true }

test.each(['global', 'us', 'eu', 'ae', 'au', 'in', 'jp'] as const)(
  'dataResidency %s: the usage is asked for, and hidden again',
  async (dataResidency) => {
    expect(await askedBy({ dataResidency })).toEqual(ASKED)
  },
)

test.each([
  ['https://api.openai.com/v1', ASKED],
  ['https://eu.api.openai.com/v1', ASKED],
  ['https://tomorrow.api.openai.com/v1', ASKED],
  ['https://x.openai.azure.com/openai/v1', ASKED],
  ['https://x.services.ai.azure.com/openai/v1', ASKED],
  ['https://x.cognitiveservices.azure.com/openai/v1', ASKED],
  ['https://x.openai.azure.us/openai/v1', ASKED],
  ['https://x.openai.azure.com/openai/v1?api-version=preview', ASKED],
  ['http://api.openai.com/v1', undefined],
  ['https://api.openai.com.evil.test/v1', undefined],
  ['https://evilapi.openai.com/v1', undefined],
  ['https://openai.azure.com.evil.test/openai/v1', undefined],
  ['https://llm.example.com/v1', undefined],
] as const)('%s', async (baseURL, expected) => {
  expect(await askedBy({ baseURL })).toEqual(expected)
  expect(await askedBy({ baseURL }, { streamUsage: 'always' })).toEqual(ASKED)
  expect(await askedBy({ baseURL }, { streamUsage: 'never' })).toBeUndefined()
})

test.each([
  ['2024-10-21', ASKED],
  ['2024-09-01-preview', ASKED],
  ['2025-04-01-preview', ASKED],
  ['2024-06-01', undefined],
  ['2023-05-15', undefined],
])(
  "Azure's own client, version %s: asked where it is known, and the deployment's body stays as it was",
  async (apiVersion, expected) => {
    const { fetch, sent } = transport()
    const gateway = createGateway({ fetch, agent: 'a', policy: { teams: TEAMS }, cache: false })
    const client = new AzureOpenAI({
      apiKey: 'k',
      endpoint: 'https://x.openai.azure.com',
      apiVersion,
      fetch: gateway.fetch,
    })
    const chunks: object[] = []
    for await (const chunk of await client.chat.completions.create(STREAM)) chunks.push(chunk)
    expect(chunks).toHaveLength(1)
    expect(sent[0]?.url).toContain('/deployments/gpt-4o-mini/chat/completions')
    expect(sent[0]?.body).toEqual({ ...STREAM, ...(expected && { stream_options: expected }) })
    await gateway.close()
  },
)
