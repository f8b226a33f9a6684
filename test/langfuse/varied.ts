import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  hotdashPolicy,
  withGateway,
} from '@hotdash/llm-gateway'
import { type FakeLangfuse, type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'

type Call = (client: GatewayClient, upstream: FakeOpenAI) => Promise<unknown>

const ask = (content: string, model = 'gpt-4o-mini') => ({
  model,
  messages: [{ role: 'user' as const, content }],
})
const chat = (client: GatewayClient, content: string, more: object = {}) =>
  client.chat.completions.create({ ...ask(content), ...more }, { maxRetries: 0 })

async function drained(stream: Promise<AsyncIterable<unknown>>, chunks = Number.POSITIVE_INFINITY) {
  let seen = 0
  for await (const _ of await stream) if (++seen >= chunks) break
}

const streamed = (client: GatewayClient, content: string, chunks?: number) =>
  drained(client.chat.completions.create({ ...ask(content), stream: true }), chunks)

const tools = ['weather', 'news'].map((name) => ({
  type: 'function' as const,
  function: { name, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}))
const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] }
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** Texts that tend to go wrong on the way into JSON, or into a database. */
const TEXTS = [
  'Where is order 17?',
  'né 日本 🙂 \u{1F9D1}\u200d\u{1F680}',
  'a lone surrogate \ud83d in the middle',
  'control \u0000 \u0001 \u001b[31m \u2028 characters',
  '{"looks": "like JSON"}',
  '[1, 2',
  '"quoted"',
  'null',
  "<script>alert(1)</script> '; DROP TABLE traces; --",
  'ann@example.org, +49 170 1234567, 4242 4242 4242 4242, sk-abcdefghijklmnopqrstuvwx',
  '',
  ' ',
  'long '.repeat(3_000),
  'x'.repeat(300_000),
]

/** One of each kind, by what it is about. */
const CALLS: Record<string, Call> = {
  ...Object.fromEntries(
    TEXTS.map((text, at) => [`text ${at}`, (client) => chat(client, text)] satisfies [string, Call]),
  ),
  hit: (client) => chat(client, TEXTS[0] ?? ''),
  'hit of a stream': (client) => streamed(client, TEXTS[0] ?? ''),
  stream: (client) => streamed(client, 'streamed'),
  'stream left early': (client) => streamed(client, 'left early', 2),
  flight: (client) => Promise.all(Array.from({ length: 5 }, () => chat(client, 'all at once'))),
  parameters: (client) =>
    chat(client, 'parameters', {
      temperature: 0.2,
      top_p: 0.95,
      n: 3,
      seed: 7,
      max_completion_tokens: 50,
      presence_penalty: -0.5,
      logprobs: true,
      user: 'someone',
    }),
  tools: (client) => chat(client, 'weather and news', { tools, tool_choice: 'auto' }),
  'tools, streamed': (client) =>
    drained(client.chat.completions.create({ ...ask('weather and news!'), tools, stream: true })),
  'a schema': (client) =>
    chat(client, 'schema', { response_format: { type: 'json_schema', json_schema: { name: 's', schema } } }),
  'a refusal': (client) => chat(client, '[refuse]'),
  'cached tokens': (client) => chat(client, `[cached] ${'word '.repeat(1_500)}`),
  'an image': (client) =>
    client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: PIXEL } },
          ],
        },
      ],
    }),
  reasoning: (client) =>
    client.responses.create({ model: 'gpt-5', input: 'think', reasoning: { effort: 'high' } }),
  'a response': (client) =>
    client.responses.create({ model: 'gpt-4o', instructions: 'Be brief.', input: 'x' }),
  'a response, streamed': (client) =>
    drained(client.responses.create({ model: 'gpt-4o', input: 'y', stream: true })),
  'a stateful response': (client) => client.responses.create({ model: 'gpt-4o', input: 'z', store: true }),
  embeddings: (client) => client.embeddings.create({ model: 'text-embedding-3-large', input: ['a', 'b'] }),
  'embeddings of tokens': (client) =>
    client.embeddings.create({ model: 'text-embedding-3-small', input: [[1, 2, 3]] }),
  'a legacy completion': (client) =>
    client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'Once' }),
  'a model without a price': (client) => chat(client, 'who prices this?', { model: 'nobody-knows-1' }),
  'a model by an odd name': (client) => chat(client, 'odd', { model: 'm \ud83d \0' }),
  'pass-through': (client) => client.models.list(),
  'a server error': (client, upstream) => failing(client, upstream, 500, 'broken'),
  'a failover': (client, upstream) => failing(client, upstream, 503, 'elsewhere'),
  'no credit': (client, upstream) => failing(client, upstream, 429, 'poor', 'insufficient_quota'),
  'a reset': async (client, upstream) => {
    upstream.fail({ type: 'reset' }, { times: 2 })
    await chat(client, 'reset')
  },
  'a stream that breaks': async (client, upstream) => {
    upstream.fail({ type: 'cut', afterChunks: 2 })
    await streamed(client, 'cut')
  },
  'a caller that leaves': (client, upstream) => {
    upstream.fail({ type: 'latency', ms: 60 })
    return client.chat.completions.create(ask('gone'), { signal: AbortSignal.timeout(20) })
  },
  'not cached': (client) => withGateway({ cache: { onlyIfCached: true } }, () => chat(client, 'nowhere')),
  'no cache': (client) => withGateway({ cache: false }, () => chat(client, 'fresh')),
  'over the limit': (client) =>
    withGateway({ agent: 'tight' }, () => Promise.all([chat(client, 'one'), chat(client, 'two')])),
  'an unknown agent': (client) => withGateway({ agent: 'né 日本 🙂' }, () => chat(client, 'who?')),
  'a session of many calls': (client) =>
    withGateway({ agent: 'seo', session: 's-1', user: 'u-7', tags: ['night', 'né 🙂'] }, async () => {
      for (const text of ['first', 'second', 'first']) await chat(client, `talk: ${text}`)
    }),
  'names without end': (client) =>
    withGateway(
      {
        agent: 'a'.repeat(2_000),
        session: 's'.repeat(2_000),
        user: 'u'.repeat(2_000),
        trace: 't'.repeat(2_000),
        tags: Array.from({ length: 80 }, (_, at) => `${at}`.repeat(300)),
      },
      () => chat(client, 'names'),
    ),
  "a trace id of the caller's own": (client) =>
    withGateway({ trace: 'ticket/17\r\n é' }, () => chat(client, 'traced')),
  'a W3C trace id': (client) =>
    withGateway({ trace: '4bf92f3577b34da6a3ce929d0e0e4736' }, () => chat(client, 'w3c')),
  'content in clear': (client) => withGateway({ agent: 'open' }, () => chat(client, TEXTS[9] ?? '')),
  'no content': (client) => withGateway({ agent: 'closed' }, () => chat(client, 'secret plans')),
}

async function failing(
  client: GatewayClient,
  upstream: FakeOpenAI,
  status: number,
  text: string,
  code?: string,
) {
  upstream.fail({ type: 'status', status, ...(code ? { code } : {}) }, { times: status === 503 ? 1 : 2 })
  await chat(client, text)
}

const POLICY = {
  routing: hotdashPolicy.routing ?? {},
  teams: { small: { agents: ['tight'], rpm: 1 }, others: { agents: ['open', 'closed', 'seo', 'support'] } },
  agents: { open: { capture: 'on' as const }, closed: { capture: 'off' as const } },
}

/** Makes every kind of call once, over a gateway whose records go there, and gives the records. */
export async function makeVariedCalls({
  baseURL,
  publicKey,
  secretKey,
}: FakeLangfuse): Promise<CallRecord[]> {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const records: CallRecord[] = []
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'sk-of-nobody-at-all',
    gateway: {
      agent: 'support',
      redis: false,
      policy: POLICY,
      langfuse: { baseUrl: baseURL, publicKey, secretKey },
      onCall: (record) => void records.push(record),
    },
  })
  for (const call of Object.values(CALLS)) {
    // Some are meant to fail; that they are told of is what counts.
    await call(client, upstream).catch(() => undefined)
    // What is left of a fault is not for the next.
    upstream.reset()
  }
  if (!(await client.gateway.flush())) throw new Error('not everything was delivered')
  await client.gateway.close()
  await upstream.close()
  return records
}
