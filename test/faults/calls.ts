import type { Gateway } from '@hotdash/llm-gateway'
import type OpenAI from 'openai'

/** Shown to the gateway, and to no upstream. */
export const KEY = 'team-key-that-never-leaves'

/** One call of a trial; `peer`: the client of another process, where there is one. */
export type Call = (client: OpenAI, peer: OpenAI) => Promise<unknown>

export const ask = (content: string) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content }],
})

/** Asks for a whole answer. */
export const asking =
  (content: string): Call =>
  (client) =>
    client.chat.completions.create(ask(content))
export const whole = asking('a question')

/** With its usage: without, it would be booked at its worst. */
const STREAM = { stream: true, stream_options: { include_usage: true } } as const
export const streaming =
  (content: string): Call =>
  async (client) => {
    for await (const _ of await client.chat.completions.create({ ...ask(content), ...STREAM }));
  }
export const streamed = streaming('streamed')
export const embedded: Call = (client) => client.embeddings.create({ model: 'gpt-4o-mini', input: 'x' })
export const parsed: Call = (client) =>
  client.responses.create({ model: 'gpt-4o-mini', input: 'x', store: false, metadata: { tags: 'a' } })
export const passed: Call = (client) => client.models.list()

/** Two processes ask the same at once. */
export const both: Call = async (client, peer) => {
  const ends = await Promise.allSettled([client, peer].map((each) => asking('asked by two')(each, peer)))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** A question that was never asked before, without a client in between. */
export async function fresh(gateway: Gateway, baseURL: string, more: object = {}): Promise<Response> {
  const response = await gateway.fetch(`${baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-own' },
    body: JSON.stringify({ ...ask(`room? ${Math.random()}`), ...more }),
  })
  await response.text()
  await gateway.flush()
  return response
}
