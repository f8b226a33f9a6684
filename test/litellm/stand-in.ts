import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export type Seen = { path: string; headers: IncomingHttpHeaders; text: string; body: Record<string, unknown> }
export type Said = { status?: number; headers?: Record<string, string>; body: unknown }

/** Says what LiteLLM 1.102.4 was heard to say, for tests that must run where it cannot be installed. */
export async function standIn(answer: (seen: Seen, nth: number) => Said | Promise<Said>) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    const nth = seen.push({ path: request.url ?? '', headers: request.headers, text, body })
    const said = await answer(seen[nth - 1] as Seen, nth)
    const streamed = typeof said.body === 'string'
    const type = streamed ? 'text/event-stream; charset=utf-8' : 'application/json'
    response.writeHead(said.status ?? 200, {
      'content-type': type,
      'x-litellm-call-id': `call-${nth}`,
      ...said.headers,
    })
    response.end(streamed ? said.body : JSON.stringify(said.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

export const chat = (content: string, model = 'gpt-4o-mini') => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model,
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content, provider_specific_fields: { refusal: null } },
      provider_specific_fields: {},
    },
  ],
  usage: { prompt_tokens: 100, completion_tokens: 200, total_tokens: 300 },
})

/** With the usage in a choice that says nothing, as LiteLLM has it. */
export function stream(content: string): string {
  const chunk = (fields: object) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini', ...fields })}\n\n`
  return [
    chunk({ choices: [{ index: 0, delta: { role: 'assistant', content } }] }),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    chunk({
      choices: [{ index: 0, delta: {} }],
      usage: { prompt_tokens: 100, completion_tokens: 200, total_tokens: 300, cost: 0.1 },
    }),
    'data: [DONE]\n\n',
  ].join('')
}
