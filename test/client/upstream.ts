import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** One request that reached the server. `place`: the how-manieth of its connection. */
export type Entry = {
  method: string
  url: string
  headers: Record<string, string>
  body: string
  place: number
}

export type Listener = (request: IncomingMessage, response: ServerResponse, entry: Entry) => unknown

/** A server with books of its own: all that reached it, and what it answers is up to the test. */
export async function startUpstream(listener: Listener = answering) {
  const entries: Entry[] = []
  const places = new WeakMap<Socket, number>()
  let serves = listener
  const server = createServer(async (request, response) => {
    const place = (places.get(request.socket) ?? 0) + 1
    places.set(request.socket, place)
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    let body = ''
    try {
      for await (const piece of request) body += piece
    } catch {
      return
    }
    const { method = '', url = '' } = request
    const entry = { method, url, headers: { ...request.headers } as Record<string, string>, body, place }
    entries.push(entry)
    await serves(request, response, entry)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    baseURL: `${origin}/v1`,
    entries,
    close,
    serve(next: Listener) {
      serves = next
    },
    /** The requests that came since it was asked last. */
    take: () => entries.splice(0),
  }
}

export type Upstream = Awaited<ReturnType<typeof startUpstream>>

export const completion = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

const response = {
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status: 'completed',
  model: 'gpt-4o-mini',
  output: [
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'hello', annotations: [] }],
    },
  ],
  usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
}

/** Answers whatever is asked, whole or as a stream. */
export const answering: Listener = (_, reply, { url, body }) => {
  if (/\/responses/.test(url)) return json(reply, 200, response)
  if (!/"stream":true/.test(body)) return json(reply, 200, completion('hello'))
  const { choices: _all, usage: _usage, ...head } = completion('')
  const chunk = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
  reply.writeHead(200, { 'content-type': 'text/event-stream' })
  reply.end(`${chunk({ role: 'assistant', content: 'hello' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`)
}

export function json(response: ServerResponse, status: number, body: unknown, headers: object = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
