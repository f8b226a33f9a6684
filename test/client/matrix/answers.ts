import type { ServerResponse } from 'node:http'
import { completion } from '../upstream.ts'

/** What upstream answers a question with, in the shape of each endpoint, whole and as the events of a stream. */
export type Api = 'chat' | 'responses' | 'embeddings' | 'completions'

const { choices: _choices, usage, ...head } = completion('')

export const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: '{"answer":"hello"}', annotations: [] }],
}

const response = {
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status: 'completed',
  model: 'gpt-4o-mini',
  output: [message],
  parallel_tool_calls: true,
  tools: [],
  usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
}

const text = (text: string, finish_reason: string | null) => ({
  id: 'cmpl-1',
  object: 'text_completion',
  created: 1,
  model: 'gpt-3.5-turbo-instruct',
  choices: [{ index: 0, text, logprobs: null, finish_reason }],
})

export const WHOLE: Record<Api, unknown> = {
  chat: completion('{"answer":"hello"}'),
  responses: response,
  embeddings: {
    object: 'list',
    model: 'text-embedding-3-small',
    // Three numbers in the encoding that the SDK asks for by itself.
    data: [{ object: 'embedding', index: 0, embedding: 'AACAPwAAAEAAAEBA' }],
    usage: { prompt_tokens: 1, total_tokens: 1 },
  },
  completions: { ...text('hello', 'stop'), usage },
}

const chunk = (delta: object, finish_reason: string | null) =>
  data({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })

const data = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
const event = (value: { type: string } & Record<string, unknown>) => `event: ${value.type}\n${data(value)}`

const at = { output_index: 0, item_id: 'msg_1', content_index: 0 }
const [part] = message.content

/** The events of a stream, from the first to the one that ends it. */
export const EVENTS: Record<Exclude<Api, 'embeddings'>, string[]> = {
  chat: [
    chunk({ role: 'assistant', content: '' }, null),
    chunk({ content: '{"answer":' }, null),
    chunk({ content: '"hello"}' }, null),
    chunk({}, 'stop'),
    data('[DONE]'),
  ],
  responses: [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [], usage: null } },
    {
      type: 'response.in_progress',
      response: { ...response, status: 'in_progress', output: [], usage: null },
    },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...message, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
    { type: 'response.output_text.delta', ...at, delta: '{"answer":"hello"}', logprobs: [] },
    { type: 'response.output_text.done', ...at, text: '{"answer":"hello"}', logprobs: [] },
    { type: 'response.content_part.done', ...at, part },
    { type: 'response.output_item.done', output_index: 0, item: message },
    { type: 'response.completed', response },
  ].map((value, sequence_number) => event({ ...(value as { type: string }), sequence_number })),
  completions: [data(text('hel', null)), data(text('lo', 'stop')), data('[DONE]')],
}

/** An error event, as each endpoint writes it into a stream. */
export const ERROR_EVENT: Record<keyof typeof EVENTS, string> = {
  chat: data({ error: { message: 'overloaded', type: 'server_error', code: 'overloaded', param: null } }),
  responses: event({ type: 'error', code: 'overloaded', message: 'overloaded', param: null } as {
    type: string
  }),
  completions: data({ error: { message: 'overloaded', type: 'server_error', code: 'overloaded' } }),
}

export const HEADERS = {
  whole: { 'content-type': 'application/json', 'x-request-id': 'req_1', 'openai-version': '2020-10-01' },
  stream: {
    'content-type': 'text/event-stream',
    'x-request-id': 'req_1',
    'x-ratelimit-remaining-tokens': '7',
  },
}

/** The answer to a question that is well. */
export function answer(reply: ServerResponse, api: Api, stream: boolean): void {
  if (!stream || api === 'embeddings') reply.writeHead(200, HEADERS.whole).end(JSON.stringify(WHOLE[api]))
  else reply.writeHead(200, HEADERS.stream).end(EVENTS[api].join(''))
}
