import type OpenAI from 'openai'
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { Stream } from 'openai/streaming'
import { CHATS, type Chat, City, MODEL, user, Verdict } from './requests.ts'
import { all, chatOf } from './streams.ts'
import { heard, plain, type Surface } from './surface.ts'

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

export const chatSurfaces: Surface[] = [...chats, ...otherChats]
