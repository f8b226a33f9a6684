/** An agent with instructor: `npm install @hotdash/llm-gateway openai @instructor-ai/instructor zod@3`. */
import { createGatewayClient } from '@hotdash/llm-gateway'
import Instructor from '@instructor-ai/instructor'
import { z } from 'zod'

const client = createGatewayClient({ gateway: { agent: 'ai-knowledge' } })
export const { gateway } = client
const instructor = Instructor({ client, mode: 'TOOLS' })

const model = 'gpt-4o-mini'
const asked = (content: string) => ({ model, messages: [{ role: 'user' as const, content }] })

export async function text(prompt: string, signal?: AbortSignal): Promise<string> {
  const { choices } = await client.chat.completions.create(asked(prompt), { signal })
  return choices[0]?.message.content ?? ''
}

export async function* stream(prompt: string): AsyncIterable<string> {
  for await (const { choices } of await client.chat.completions.create({ ...asked(prompt), stream: true }))
    yield choices[0]?.delta.content ?? ''
}

// The library has no tools of its own: its client has.
export async function withTool(prompt: string, status: (orderId: string) => string): Promise<string[]> {
  const results: string[] = []
  const orderStatus = {
    name: 'order_status',
    description: 'Where an order is.',
    parameters: { type: 'object', properties: { orderId: { type: 'string' } }, required: ['orderId'] },
    parse: JSON.parse,
    function({ orderId }: { orderId: string }) {
      const result = status(orderId)
      results.push(result)
      return result
    },
  }
  const tools = [{ type: 'function' as const, function: orderStatus }]
  await client.chat.completions.runTools({ ...asked(prompt), tools }).finalContent()
  return results
}

const Order = z.object({ id: z.string(), lines: z.array(z.object({ part: z.string(), count: z.number() })) })

export async function structured(prompt: string): Promise<z.infer<typeof Order>> {
  return await instructor.chat.completions.create({
    ...asked(prompt),
    response_model: { schema: Order, name: 'Order' },
    max_retries: 0,
  })
}

export async function embed(input: string): Promise<number[]> {
  const { data } = await client.embeddings.create({ model: 'text-embedding-3-large', input })
  return data[0]?.embedding ?? []
}
