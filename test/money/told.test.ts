import { createServer, type ServerResponse } from 'node:http'
import type { GatewayClient } from '@hotdash/llm-gateway'
import { afterEach, expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import { runs, SEED } from '../runs.ts'
import { modelOf } from './prices.ts'
import { clientFor, leftIn, policyOf } from './schedule.ts'
import type { Body, Random } from './work.ts'

/** Where upstream tells a usage that does not count all it made, at most what it made is not in the books. */
const CAP = 100e9
const STREAMS = runs(60)
const AT_ONCE = 12
const INPUT = 10

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

type Answer = (response: ServerResponse) => void

async function world(answer: Answer): Promise<GatewayClient> {
  const server = createServer((request, response) => {
    let text = ''
    request
      .on('data', (bytes) => {
        text += bytes
      })
      .on('end', () => {
        if (!text.includes('"probe"')) return answer(response)
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end('{"error":{"message":"no"}}')
      })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const policy = policyOf(CAP / 1e9, { defaultServiceTier: 'default' })
  const client = clientFor(`http://127.0.0.1:${port}/v1`, policy, { maxRetries: 0 })
  open.push(
    async () => {
      server.closeAllConnections()
      server.close()
    },
    () => client.gateway.close(1_000),
  )
  return client
}

/** Asks once, and returns what the budget has less, in billionths of a dollar. */
async function takenBy(answer: Answer, path: string, body: Body): Promise<number> {
  const client = await world(answer)
  try {
    const read = await client.post(path, { body, stream: body.stream === true })
    if (body.stream === true) for await (const _ of read as AsyncIterable<unknown>);
  } catch {
    // How the caller sees it is not what is tested.
  }
  await client.gateway.flush()
  return CAP - (await leftIn(client, CAP))
}

const usage = (input: number, output: number, more: Body = {}): Body => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  ...more,
})
const chunk = (choices: Body[], more: Body = {}): Body => ({
  object: 'chat.completion.chunk',
  choices,
  ...more,
})
const written = (content: string, finish_reason: string | null = null) => [
  { index: 0, delta: { content }, finish_reason },
]

/** A stream that made `made` tokens, most of them hidden; running counts are smaller, and the whole count comes last if at all. */
function randomStream(random: Random): { events: (Body | '[DONE]')[]; breaks: boolean; made: number } {
  const made = 20 + Math.floor(random() * 900)
  const chance = random()
  const running = () => (random() < chance ? { usage: usage(INPUT, Math.ceil(random() * 3)) } : {})
  const events: (Body | '[DONE]')[] = []
  for (let count = Math.floor(random() * 4); count >= 0; count -= 1) {
    if (random() < 0.15) events.push(chunk([], { usage: usage(INPUT, 1) }))
    events.push(chunk(written('word '), running()))
  }
  if (random() < 0.15) events.push(chunk([], { usage: usage(INPUT, 1) }))
  events.push(chunk(written('', 'stop'), running()))
  const last = events.length - 1
  // A count next to the end, or after it, is the whole one.
  if (random() < 0.5) events.push(chunk([], { usage: usage(INPUT, made) }))
  else if ('usage' in (events[last] as Body)) events[last] = chunk(written('', 'stop'))
  events.push('[DONE]')
  const breaks = random() < 0.4
  if (breaks) events.length = 1 + Math.floor(random() * events.length)
  return { events, breaks, made }
}

const frame = (event: Body | '[DONE]') => `data: ${event === '[DONE]' ? event : JSON.stringify(event)}\n\n`
const streamed =
  (events: readonly (Body | '[DONE]')[], breaks = false): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(events.map(frame).join(''))
    if (breaks) setTimeout(() => response.destroy(), 20)
    else response.end()
  }
const whole =
  (json: Body | string): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(typeof json === 'string' ? json : JSON.stringify(json))
  }

const chat = (more: Body = {}): Body => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'q' }],
  max_tokens: 1_000,
  ...more,
})
const billOf = (model: string, output: number) =>
  INPUT * modelOf(model).input + output * modelOf(model).output

test(`a running count is not the whole one, wherever it is: ${STREAMS} streams`, {
  timeout: 20_000 + STREAMS * 2_000,
}, async () => {
  let exact = 0
  for (let from = SEED; from < SEED + STREAMS; from += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, SEED + STREAMS - from) }, (_, at) => from + at)
    await Promise.all(
      seeds.map(async (seed) => {
        const { events, breaks, made } = randomStream(randomOf(seed))
        const taken = await takenBy(streamed(events, breaks), '/chat/completions', chat({ stream: true }))
        const bill = billOf('gpt-4o', made)
        expect(taken, `seed ${seed}: ${JSON.stringify(events)}`).toBeGreaterThanOrEqual(bill)
        if (taken === bill) exact += 1
      }),
    )
  }
  // Counts that are whole are all that is booked.
  expect(exact).toBeGreaterThan(STREAMS / 8)
})

const WORDS = 'word '.repeat(900)
const said = (message: Body, told: Body) => ({
  object: 'chat.completion',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'a', ...message } }],
  usage: told,
})
const custom = { id: 'c', type: 'custom', custom: { name: 'x', input: WORDS } }
const response = (more: Body): Body => ({ object: 'response', status: 'completed', output: [], ...more })
const few = { input_tokens: INPUT, output_tokens: 1, total_tokens: INPUT + 1 }
const audio = chat({
  model: 'gpt-audio',
  modalities: ['text', 'audio'],
  audio: { voice: 'alloy', format: 'wav' },
})
const sound = { id: 'a', data: 'A'.repeat(9_000_000), transcript: 'x' }

test.each<[string, Answer, string, Body, number]>([
  ['tool input', whole(said({ tool_calls: [custom] }, usage(INPUT, 1))), '/chat/completions', chat(), 900],
  ['reasoning', whole(said({ reasoning_content: WORDS }, usage(INPUT, 1))), '/chat/completions', chat(), 900],
  [
    'parts',
    whole(said({ content: [{ type: 'text', text: WORDS }] }, usage(INPUT, 1))),
    '/chat/completions',
    chat(),
    900,
  ],
  [
    'tool input of a stream that readers assemble differently',
    streamed([
      chunk([{ index: 0, delta: { tool_calls: [{ index: 0, ...custom }] }, finish_reason: null }]),
      chunk(written('', 'tool_calls')),
      chunk([], { usage: usage(INPUT, 1) }),
      '[DONE]',
    ]),
    '/chat/completions',
    chat({ stream: true }),
    900,
  ],
  [
    'a stream longer than what is kept',
    streamed([
      ...Array.from({ length: 1_000 }, () => chunk(written('word '.repeat(2_000)))),
      chunk(written('', 'stop')),
      chunk([], { usage: usage(INPUT, 1) }),
      '[DONE]',
    ]),
    '/chat/completions',
    chat({ stream: true }),
    900,
  ],
  [
    'an answer longer than what is kept',
    whole(said({ content: 'word '.repeat(2_000_000) }, usage(INPUT, 1))),
    '/chat/completions',
    chat(),
    900,
  ],
  [
    'both names of a count',
    whole(said({}, usage(INPUT, 1, { output_tokens: 900 }))),
    '/chat/completions',
    chat(),
    900,
  ],
  [
    'an echo',
    whole({ choices: [{ index: 0, text: WORDS, finish_reason: 'stop' }], usage: usage(1, 1) }),
    '/completions',
    { model: 'gpt-3.5-turbo-instruct', prompt: 'q', max_tokens: 900, echo: true },
    900,
  ],
  [
    'a summary of reasoning',
    whole(
      response({
        output: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: WORDS }] }],
        usage: few,
      }),
    ),
    '/responses',
    { model: 'gpt-4o', input: 'q', max_output_tokens: 1_000 },
    900,
  ],
  [
    'work in the background without a status',
    whole(response({ status: undefined, usage: few })),
    '/responses',
    { model: 'gpt-4o', input: 'q', max_output_tokens: 1_000, background: true },
    900,
  ],
])(
  'an answer that contradicts its usage is booked at its worst case: %s',
  async (_, answer, path, body, made) => {
    const taken = await takenBy(answer, path, body)
    expect(taken).toBeGreaterThanOrEqual(
      billOf(String(body.model), made) - INPUT * modelOf(String(body.model)).input,
    )
  },
)

test.each<[string, Answer, Body]>([
  ['whole', whole(said({ content: null, audio: sound }, usage(INPUT, 900))), audio],
  [
    'streamed',
    streamed([
      ...Array.from({ length: 90 }, () =>
        chunk([{ index: 0, delta: { audio: { id: 'a', data: 'A'.repeat(100_000) } }, finish_reason: null }]),
      ),
      chunk(written('', 'stop')),
      chunk([], { usage: usage(INPUT, 900) }),
      '[DONE]',
    ]),
    { ...audio, stream: true, stream_options: { include_usage: true } },
  ],
])('sound longer than what is kept, whose usage does not tell it from text: %s', async (_, answer, body) => {
  expect(await takenBy(answer, '/chat/completions', body)).toBeGreaterThanOrEqual(900 * 64_000)
})

test.each<[string, unknown]>([
  ['null', null],
  ['no list', { 0: { type: 'web_search_call' } }],
  ['absent', undefined],
])('calls of hosted tools that the answer does not list: output is %s', async (_, output) => {
  const tools = [{ type: 'web_search' }]
  const body = { model: 'gpt-4o', input: 'q', max_output_tokens: 10, max_tool_calls: 4, tools }
  const taken = await takenBy(whole(response({ output, usage: few } as Body)), '/responses', body)
  expect(taken).toBeGreaterThanOrEqual(4 * 10_000_000)
})

test.each<[string, string]>([
  ['a total above the input', '{"data":[],"usage":{"prompt_tokens":1,"total_tokens":2000}}'],
  ['a body that ends early', '{"usage":{"prompt_tokens":1,"total_tokens":1},"data":[{"embedding":[0.1'],
])('vectors: %s', async (_, text) => {
  const body = { model: 'text-embedding-3-small', input: 'word '.repeat(2_000) }
  expect(await takenBy(whole(text), '/embeddings', body)).toBeGreaterThanOrEqual(2_000 * 20)
})
