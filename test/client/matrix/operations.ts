import type OpenAI from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import * as z from 'zod'
import type { Api } from './answers.ts'
import { headersSeen } from './look.ts'

/** Receives what a call gives its caller, and the moments at which the caller may act. */
export type Look = {
  note: (what: string, value?: unknown) => void
  /** The head of the answer is there, and none of its body was read. */
  head: () => unknown
  /** The first event of a stream is there. */
  first: () => unknown
}

/** One way to ask through the SDK. */
export type Operation = {
  name: string
  api: Api
  stream: boolean
  run: (client: OpenAI, options: OpenAI.RequestOptions, look: Look) => Promise<void>
}

const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'a question' }] }
const responses = { model: 'gpt-4o-mini', input: 'a question' }
const completions = { model: 'gpt-3.5-turbo-instruct', prompt: 'a question' }
const Answer = z.object({ answer: z.string() })

/** Reads all of a stream. */
async function read(stream: AsyncIterable<unknown>, { note, first }: Look): Promise<void> {
  let count = 0
  for await (const event of stream) {
    note('event', event)
    count += 1
    if (count === 1) await first()
  }
  note('end')
}

type Call<T> = { asResponse: () => Promise<Response> } & PromiseLike<T>

/** What a call of the SDK comes to; its head first, and its body afterwards. */
async function taken<T>(call: Call<T>, look: Look): Promise<T> {
  await call.asResponse()
  await look.head()
  return await call
}

/** What of a Response its caller may look at. */
export const exchange = ({ status, statusText, ok, redirected, type, url, bodyUsed, headers }: Response) => ({
  ...{ status, statusText, ok, redirected, type, bodyUsed },
  path: url === '' ? '' : new URL(url).pathname,
  headers: headersSeen(headers),
})

const id = (value: unknown) => (value as { _request_id?: unknown } | null)?._request_id

/** Both kinds of stream helpers, as far as they are the same. */
type Helper = AsyncIterable<unknown> & { on: (event: string, listener: (value: unknown) => void) => unknown }

/** Notes what a helper emits and yields. */
async function helped(helper: Helper, final: () => Promise<unknown>, look: Look): Promise<void> {
  for (const name of ['connect', 'error', 'abort', 'end']) helper.on(name, (value) => look.note(name, value))
  const heard: unknown[] = []
  // The one kind tells of events, the other of chunks.
  for (const name of ['event', 'chunk']) helper.on(name, (value) => void heard.push(value))
  helper.on('connect', () => void look.head())
  let seen = 0
  for await (const _ of helper) {
    seen += 1
    if (seen === 1) await look.first()
  }
  look.note('yielded', seen)
  look.note('heard', heard.length)
  look.note('final', await final())
}

export const OPERATIONS: Operation[] = [
  {
    ...{ name: 'chat', api: 'chat', stream: false },
    async run(client, options, look) {
      const value = await taken(client.chat.completions.create(chat, options), look)
      look.note('value', value)
      look.note('id', id(value))
    },
  },
  {
    ...{ name: 'chat, a stream', api: 'chat', stream: true },
    run: async (client, options, look) =>
      await read(await taken(client.chat.completions.create({ ...chat, stream: true }, options), look), look),
  },
  {
    ...{ name: 'chat .withResponse()', api: 'chat', stream: false },
    async run(client, options, look) {
      const call = client.chat.completions.create(chat, options)
      await taken(call, look)
      const { data, response, request_id } = await call.withResponse()
      look.note('exchange', exchange(response))
      look.note('data', data)
      look.note('id', request_id)
    },
  },
  {
    ...{ name: 'chat .asResponse()', api: 'chat', stream: false },
    async run(client, options, look) {
      const response = await client.chat.completions.create(chat, options).asResponse()
      look.note('exchange', exchange(response))
      await look.head()
      look.note('text', await response.text())
    },
  },
  {
    ...{ name: 'chat .parse()', api: 'chat', stream: false },
    async run(client, options, look) {
      const format = zodResponseFormat(Answer, 'answer')
      const call = client.chat.completions.parse({ ...chat, response_format: format }, options)
      look.note('value', await taken(call, look))
    },
  },
  {
    ...{ name: 'chat .stream()', api: 'chat', stream: true },
    async run(client, options, look) {
      const helper = client.chat.completions.stream(chat, options)
      await helped(helper as unknown as Helper, () => helper.finalChatCompletion(), look)
    },
  },
  {
    ...{ name: 'responses', api: 'responses', stream: false },
    async run(client, options, look) {
      const value = await taken(client.responses.create(responses, options), look)
      look.note('value', value)
      look.note('id', id(value))
    },
  },
  {
    ...{ name: 'responses, a stream', api: 'responses', stream: true },
    run: async (client, options, look) =>
      await read(await taken(client.responses.create({ ...responses, stream: true }, options), look), look),
  },
  {
    ...{ name: 'responses .stream() and .parse()', api: 'responses', stream: true },
    async run(client, options, look) {
      const format = zodTextFormat(Answer, 'answer')
      const helper = client.responses.stream({ ...responses, text: { format } }, options)
      await helped(helper as unknown as Helper, () => helper.finalResponse(), look)
    },
  },
  {
    ...{ name: 'embeddings', api: 'embeddings', stream: false },
    async run(client, options, look) {
      const params = { model: 'text-embedding-3-small', input: 'a question' }
      look.note('value', await taken(client.embeddings.create(params, options), look))
    },
  },
  {
    ...{ name: 'completions', api: 'completions', stream: false },
    run: async (client, options, look) =>
      look.note('value', await taken(client.completions.create(completions, options), look)),
  },
  {
    ...{ name: 'completions, a stream', api: 'completions', stream: true },
    run: async (client, options, look) =>
      await read(
        await taken(client.completions.create({ ...completions, stream: true }, options), look),
        look,
      ),
  },
  {
    ...{ name: 'client.post()', api: 'chat', stream: false },
    run: async (client, options, look) =>
      look.note('value', await taken(client.post('/chat/completions', { body: chat, ...options }), look)),
  },
]
