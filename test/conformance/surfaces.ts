import type OpenAI from 'openai'
import { zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { Stream } from 'openai/streaming'
import * as z from 'zod'
import { outcomeOf } from './outcome.ts'

/** What a caller made of an answer: `same` however it came, `live` when it came as upstream wrote it. */
export type Seen = { same: unknown; live?: unknown }

/** One way of asking through the SDK; `calls`: the upstream requests that it takes. */
export type Surface = { name: string; calls: number; run: (client: OpenAI) => Promise<Seen> }

type Chat = Omit<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming, 'stream'>
type Responses = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'stream'>
type Completions = Omit<OpenAI.CompletionCreateParamsNonStreaming, 'stream'>

const MODEL = 'gpt-4o-mini'
const user = (content: string) => [{ role: 'user' as const, content }]
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
  additionalProperties: false,
}
const tool = (name: string) => ({
  type: 'function' as const,
  function: { name, description: 'a tool', strict: true, parameters },
})
const responsesTool = (name: string) => ({ type: 'function' as const, name, strict: true, parameters })
const Verdict = z.object({ reasoning: z.string(), answer: z.string(), score: z.number() })
const City = z.object({ city: z.string(), days: z.number() })

const CHATS: Record<string, Chat> = {
  text: { model: MODEL, messages: user('What is the margin of Ünïcode 漢字 🙂?') },
  'n: 3': { model: MODEL, messages: user('three of them'), n: 3 },
  logprobs: { model: MODEL, messages: user('how sure'), logprobs: true, top_logprobs: 2 },
  'a refusal': { model: MODEL, messages: user('[refuse] this') },
  'a tool call': { model: MODEL, messages: user('use weather'), tools: [tool('weather')] },
  'parallel tool calls': {
    model: MODEL,
    messages: user('use weather and stock'),
    tools: [tool('weather'), tool('stock')],
  },
  'tool calls of two choices': {
    model: MODEL,
    n: 2,
    messages: user('use weather and stock twice'),
    tools: [tool('weather'), tool('stock')],
  },
  'a custom tool': {
    model: MODEL,
    messages: user('write code'),
    tools: [{ type: 'custom', custom: { name: 'code', description: 'runs code' } }],
  },
  'a JSON Schema': {
    model: MODEL,
    messages: user('judge'),
    response_format: zodResponseFormat(Verdict, 'verdict'),
  },
  'a reasoning model': { model: 'o4-mini', messages: user('think'), reasoning_effort: 'low' },
  'an answer cut off by its length': { model: MODEL, messages: user('be long'), max_tokens: 3 },
}

const RESPONSES: Record<string, Responses> = {
  text: { model: MODEL, input: 'What is the margin of Ünïcode 漢字 🙂?', instructions: 'Be brief.' },
  'tool calls': {
    model: MODEL,
    input: 'use weather and stock',
    tools: [responsesTool('weather'), responsesTool('stock')],
  },
  'a custom tool': { model: MODEL, input: 'write code', tools: [{ type: 'custom', name: 'code' }] },
  'a reasoning summary': { model: 'o4-mini', input: 'think', reasoning: { effort: 'low', summary: 'auto' } },
  'encrypted reasoning and a tool': {
    model: 'o4-mini',
    input: 'use weather',
    store: false,
    include: ['reasoning.encrypted_content'],
    tools: [responsesTool('weather')],
  },
  'a refusal': { model: MODEL, input: '[refuse] this' },
  'a JSON Schema': {
    model: MODEL,
    input: 'judge',
    text: { format: zodTextFormat(Verdict, 'verdict') },
  },
  'metadata and a user': { model: MODEL, input: 'mine', metadata: { who: 'A' }, safety_identifier: 's' },
  'an answer cut off by its length': { model: MODEL, input: 'be long', max_output_tokens: 3 },
}

const COMPLETIONS: Record<string, Completions> = {
  'one prompt': { model: 'gpt-3.5-turbo-instruct', prompt: 'Once upon a time' },
  'two prompts, n: 2': { model: 'gpt-3.5-turbo-instruct', prompt: ['Once', 'Twice'], n: 2 },
}

const EMBEDDINGS: Record<string, OpenAI.EmbeddingCreateParams> = {
  'in the default encoding': { model: 'text-embedding-3-small', input: 'margin' },
  'as floats': { model: 'text-embedding-3-small', input: 'margin', encoding_format: 'float' },
  'as base64': { model: 'text-embedding-3-small', input: 'margin', encoding_format: 'base64' },
  'of several texts, 8 dimensions': {
    model: 'text-embedding-3-large',
    input: ['a', 'b', 'c'],
    dimensions: 8,
  },
}

/** What never reaches the cache: hits and followers make no sense for it. */
export const uncached = new Set(['an answer cut off by its length'])
export const isCached = ({ name }: Surface) => ![...uncached].some((part) => name.includes(part))

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

const lines = (items: readonly unknown[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const item of items) controller.enqueue(new TextEncoder().encode(`${JSON.stringify(item)}\n`))
      controller.close()
    },
  })

/** The object that the SDK itself makes of a chat stream. */
export async function chatOf(chunks: readonly OpenAI.Chat.ChatCompletionChunk[]): Promise<unknown> {
  const stream = ChatCompletionStream.fromReadableStream(lines(chunks))
  const final = await outcomeOf(() => stream.finalChatCompletion())
  const usage = chunks.flatMap((chunk) => chunk.usage ?? []).at(-1)
  const extra = chunks.at(-1)
  return { final, usage, tier: extra?.service_tier, fingerprint: extra?.system_fingerprint }
}

export function textsOf(chunks: readonly OpenAI.Completion[]): unknown {
  const choices: Record<number, { text: string; finish: string | null }> = {}
  for (const chunk of chunks)
    for (const { index, text, finish_reason } of chunk.choices) {
      const known = choices[index]?.text ?? ''
      choices[index] = { text: known + text, finish: finish_reason ?? choices[index]?.finish ?? null }
    }
  const { id, model, created, object } = chunks[0] ?? {}
  return { id, model, created, object, choices, usage: chunks.flatMap(({ usage }) => usage ?? []) }
}

type Event = OpenAI.Responses.ResponseStreamEvent

/** Returns events without their numbers, with joined deltas: the API does not specify how an answer is split. */
export function eventsOf(events: readonly Event[]): unknown {
  const joined: Record<string, unknown>[] = []
  for (const event of events) {
    const { sequence_number: _, ...rest } = event as unknown as Record<string, unknown>
    // Added by the `.stream()` helper to each delta.
    delete rest.snapshot
    const last = joined.at(-1)
    const delta = rest.delta
    if (last && typeof delta === 'string' && last.type === rest.type && last.item_id === rest.item_id) {
      last.delta = `${last.delta}${delta}`
      if (Array.isArray(rest.logprobs)) last.logprobs = [last.logprobs, rest.logprobs].flat()
    } else joined.push(rest)
  }
  const numbers = events.map((event) => (event as { sequence_number?: number }).sequence_number)
  return { joined, numbered: numbers.every((number, at) => number === at) }
}

const CHAT_EVENTS = [
  'connect',
  'message',
  'chatCompletion',
  'functionToolCall',
  'functionToolCallResult',
  'content.done',
  'refusal.done',
  'tool_calls.function.arguments.done',
  'logprobs.content.done',
  'logprobs.refusal.done',
  'finalContent',
  'finalMessage',
  'finalChatCompletion',
  'finalFunctionToolCall',
  'finalFunctionToolCallResult',
  'totalUsage',
  'error',
  'abort',
  'end',
] as const
const CHAT_DELTAS = [
  'content.delta',
  'refusal.delta',
  'tool_calls.function.arguments.delta',
  'logprobs.content.delta',
  'logprobs.refusal.delta',
] as const

type Emitter = { on: (event: string, listener: (...args: unknown[]) => void) => unknown }

/** Everything that a chat stream helper says. */
async function heard<T>(stream: ChatCompletionStream<T>): Promise<Seen> {
  const emitter = stream as unknown as Emitter
  const said: [string, unknown[]][] = []
  const deltas: Record<string, unknown> = {}
  let content = ''
  let snapshot: unknown
  const chunks: unknown[] = []
  for (const name of CHAT_EVENTS)
    emitter.on(name, (...args) => said.push([name, structuredClone(args.map(plain))]))
  for (const name of CHAT_DELTAS)
    emitter.on(name, (props) => {
      const { snapshot, index, arguments: given } = props as Record<string, unknown>
      deltas[`${name} ${index ?? ''}`] = plain(snapshot ?? given)
    })
  emitter.on('content', (delta) => {
    content += delta
  })
  emitter.on('chunk', (chunk, latest) => {
    chunks.push(plain(chunk))
    snapshot = plain(latest)
  })
  const completion = await stream.finalChatCompletion()
  await stream.done()
  const finals = {
    completion,
    content: await outcomeOf(() => stream.finalContent()),
    message: await stream.finalMessage(),
    tool: await stream.finalFunctionToolCall(),
    usage: await outcomeOf(() => stream.totalUsage()),
    messages: stream.messages,
  }
  // The API does not specify how the choices of one stream are interleaved.
  const one = completion.choices.length === 1
  return {
    same: { said: sorted(said), ...(one ? { deltas, content } : {}), snapshot, finals: plain(finals) },
    live: { chunks, said, deltas, content },
  }
}

const plain = (value: unknown): unknown =>
  value instanceof Error ? String(value) : value === undefined ? undefined : JSON.parse(JSON.stringify(value))
const sorted = (said: [string, unknown[]][]) => said.map((item) => JSON.stringify(item)).toSorted()

const withUsage = { stream: true as const, stream_options: { include_usage: true } }

const chats = Object.entries(CHATS).flatMap(([name, params]): Surface[] => [
  {
    name: `chat create, ${name}`,
    calls: 1,
    run: async (client) => ({ same: await client.chat.completions.create(params) }),
  },
  {
    name: `chat stream with usage, ${name}`,
    calls: 1,
    async run(client) {
      const live = await all(await client.chat.completions.create({ ...params, ...withUsage }))
      return { same: await chatOf(live), live }
    },
  },
  {
    name: `chat stream without usage, ${name}`,
    calls: 1,
    async run(client) {
      const live = await all(await client.chat.completions.create({ ...params, stream: true }))
      return { same: await chatOf(live), live }
    },
  },
  {
    name: `chat .stream() and its events, ${name}`,
    calls: 1,
    run: async (client) => await heard(client.chat.completions.stream({ ...params, ...withUsage })),
  },
])

const toolRun = {
  model: MODEL,
  messages: user('use weather please'),
  tools: [
    zodFunction({
      name: 'weather',
      description: 'the weather',
      parameters: City,
      function: ({ city, days }) => `${city}: rain for ${days} days`,
    }),
  ],
}

const text = CHATS.text as Chat
const otherChats: Surface[] = [
  {
    name: 'chat .withResponse()',
    calls: 1,
    async run(client) {
      const { data, response, request_id } = await client.chat.completions.create(text).withResponse()
      const { status, ok, redirected, headers } = response
      return {
        same: {
          data,
          exchange: { status, ok, redirected, type: headers.get('content-type') },
          ids: request_id !== null && request_id === headers.get('x-request-id'),
          onData: (data as { _request_id?: string })._request_id === request_id,
        },
      }
    },
  },
  {
    name: 'chat .asResponse()',
    calls: 1,
    async run(client) {
      const response = await client.chat.completions.create(text).asResponse()
      const { status, bodyUsed } = response
      const copy = response.clone()
      const bytes = new Uint8Array(await copy.arrayBuffer())
      const body = await response.text()
      return {
        same: {
          status,
          bodyUsed,
          after: response.bodyUsed,
          body,
          bytes: new TextDecoder().decode(bytes),
          genuine: response instanceof Response && response.headers instanceof Headers,
          id: response.headers.has('x-request-id'),
        },
      }
    },
  },
  {
    name: 'chat stream .withResponse()',
    calls: 1,
    async run(client) {
      const { data, response, request_id } = await client.chat.completions
        .create({ ...text, ...withUsage })
        .withResponse()
      const { status, headers } = response
      const live = await all(data)
      return {
        same: {
          status,
          type: headers.get('content-type'),
          id: request_id !== null && request_id === headers.get('x-request-id'),
          answer: await chatOf(live),
        },
        live,
      }
    },
  },
  {
    name: 'chat stream .asResponse(), its bytes',
    calls: 1,
    async run(client) {
      const response = await client.chat.completions.create({ ...text, ...withUsage }).asResponse()
      const live = await response.text()
      return { same: { ends: /^data: ?\[DONE\](\r\n|\n|\r)\1/m.test(live) }, live }
    },
  },
  {
    name: 'chat stream .tee()',
    calls: 1,
    async run(client) {
      const [left, right] = (await client.chat.completions.create({ ...text, ...withUsage })).tee()
      const [one, two] = await Promise.all([all(left), all(right)])
      return { same: [await chatOf(one), await chatOf(two)], live: [one, two] }
    },
  },
  {
    name: 'chat stream .toReadableStream() and ChatCompletionStream.fromReadableStream()',
    calls: 1,
    async run(client) {
      const stream = await client.chat.completions.create({ ...text, ...withUsage })
      return await heard(ChatCompletionStream.fromReadableStream(stream.toReadableStream()))
    },
  },
  {
    name: 'chat .stream().toReadableStream(), read back as a Stream',
    calls: 1,
    async run(client) {
      const readable = client.chat.completions.stream({ ...text, ...withUsage }).toReadableStream()
      const live = await all(
        Stream.fromReadableStream<OpenAI.Chat.ChatCompletionChunk>(readable, new AbortController()),
      )
      return { same: await chatOf(live), live }
    },
  },
  {
    name: 'chat .stream() in a for await',
    calls: 1,
    async run(client) {
      const live = await all(client.chat.completions.stream(text))
      return { same: await chatOf(live), live }
    },
  },
  {
    name: 'chat .parse() with zodResponseFormat',
    calls: 1,
    async run(client) {
      const format = zodResponseFormat(Verdict, 'verdict')
      return {
        same: await client.chat.completions.parse({ ...text, response_format: format }),
      }
    },
  },
  {
    name: 'chat .parse() of tool arguments',
    calls: 1,
    async run(client) {
      const tools = [zodFunction({ name: 'weather', parameters: City })]
      return { same: await client.chat.completions.parse({ ...text, tools }) }
    },
  },
  {
    name: 'chat .stream() with zodResponseFormat',
    calls: 1,
    async run(client) {
      const format = zodResponseFormat(Verdict, 'verdict')
      return await heard(client.chat.completions.stream({ ...text, ...withUsage, response_format: format }))
    },
  },
  {
    name: 'chat runTools',
    calls: 2,
    async run(client) {
      const runner = client.chat.completions.runTools(toolRun)
      const content = await runner.finalContent()
      const usage = await runner.totalUsage()
      return {
        same: { content, usage, messages: runner.messages, answers: runner.allChatCompletions() },
      }
    },
  },
  {
    name: 'chat runTools, streamed',
    calls: 2,
    async run(client) {
      const runner = client.chat.completions.runTools({ ...toolRun, ...withUsage })
      const content = await runner.finalContent()
      const usage = await runner.totalUsage()
      return {
        same: plain({ content, usage, messages: runner.messages, answers: runner.allChatCompletions() }),
      }
    },
  },
  {
    name: 'client.post(/chat/completions)',
    calls: 1,
    run: async (client) => ({ same: await client.post('/chat/completions', { body: text }) }),
  },
  {
    name: 'client.post(/chat/completions), streamed',
    calls: 1,
    async run(client) {
      const stream = (await client.post('/chat/completions', {
        body: { ...text, ...withUsage },
        stream: true,
      })) as Stream<OpenAI.Chat.ChatCompletionChunk>
      const live = await all(stream)
      return { same: await chatOf(live), live }
    },
  },
  {
    name: 'chat create with headers, query, idempotencyKey, timeout and maxRetries of its own',
    calls: 1,
    async run(client) {
      const data = await client.chat.completions.create(text, {
        headers: { 'x-custom': 'Ü'.normalize('NFC'), 'x-stainless-lang': null },
        query: { 'api-version': '2026-01-01', 'with space': 'a&b' },
        idempotencyKey: 'key-1',
        timeout: 12_345,
        maxRetries: 1,
        signal: new AbortController().signal,
      })
      return { same: data }
    },
  },
]

const responses = Object.entries(RESPONSES).flatMap(([name, params]): Surface[] => [
  {
    name: `responses.create, ${name}`,
    calls: 1,
    run: async (client) => ({ same: await client.responses.create(params) }),
  },
  {
    name: `responses.create streamed, ${name}`,
    calls: 1,
    async run(client) {
      const live = await all(await client.responses.create({ ...params, stream: true }))
      return { same: eventsOf(live), live }
    },
  },
  {
    name: `responses.stream() and its events, ${name}`,
    calls: 1,
    async run(client) {
      const stream = client.responses.stream({ ...params, stream: true })
      const events: Event[] = []
      stream.on('event', (event) => events.push(structuredClone(event)))
      const final = await stream.finalResponse()
      return { same: { events: eventsOf(events), final: plain(final) }, live: events }
    },
  },
])

const otherResponses: Surface[] = [
  {
    name: 'responses.parse() with zodTextFormat',
    calls: 1,
    run: async (client) => ({
      same: await client.responses.parse({
        model: MODEL,
        input: 'judge',
        text: { format: zodTextFormat(Verdict, 'verdict') },
      }),
    }),
  },
  {
    name: 'responses.parse() of tool arguments',
    calls: 1,
    run: async (client) => ({
      same: await client.responses.parse({
        model: MODEL,
        input: 'weather',
        tools: [zodResponsesFunction({ name: 'weather', parameters: City })],
      }),
    }),
  },
  {
    name: 'responses.stream() with zodTextFormat',
    calls: 1,
    async run(client) {
      const format = zodTextFormat(Verdict, 'verdict')
      const stream = client.responses.stream({ model: MODEL, input: 'judge', text: { format } })
      const final = await stream.finalResponse()
      return { same: { final: plain(final), parsed: final.output_parsed } }
    },
  },
  {
    name: 'responses.create .withResponse()',
    calls: 1,
    async run(client) {
      const { data, response, request_id } = await client.responses
        .create({ model: MODEL, input: 'x' })
        .withResponse()
      const { status } = response
      return { same: { data, status, text: data.output_text, id: request_id !== null } }
    },
  },
]

const completions = Object.entries(COMPLETIONS).flatMap(([name, params]): Surface[] => [
  {
    name: `completions.create, ${name}`,
    calls: 1,
    run: async (client) => ({ same: await client.completions.create(params) }),
  },
  ...[{}, { stream_options: { include_usage: true } }].map(
    (options): Surface => ({
      name: `completions.create streamed, ${name}, ${JSON.stringify(options)}`,
      calls: 1,
      async run(client) {
        const live = await all(await client.completions.create({ ...params, ...options, stream: true }))
        return { same: textsOf(live), live }
      },
    }),
  ),
])

const embeddings = Object.entries(EMBEDDINGS).map(
  ([name, params]): Surface => ({
    name: `embeddings ${name}`,
    calls: 1,
    async run(client) {
      return { same: await client.embeddings.create(params) }
    },
  }),
)

export const surfaces: Surface[] = [
  ...chats,
  ...otherChats,
  ...responses,
  ...otherResponses,
  ...completions,
  ...embeddings,
]

export { CHATS, COMPLETIONS, RESPONSES }
