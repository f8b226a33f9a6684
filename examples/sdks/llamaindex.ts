/** An agent with LlamaIndex: `npm install @hotdash/llm-gateway openai llamaindex @llamaindex/openai@0.4.22 zod`. */
import { createGateway } from '@hotdash/llm-gateway'
import { OpenAI, OpenAIEmbedding } from '@llamaindex/openai'
import { tool } from 'llamaindex'
import { z } from 'zod'

export const gateway = createGateway({ agent: 'ai-knowledge' })
const additionalSessionOptions = { fetch: gateway.fetch }
// The SDK's default is 10 retries.
const maxRetries = 0
const llm = new OpenAI({ model: 'gpt-4o-mini', additionalSessionOptions, maxRetries })
const embeddings = new OpenAIEmbedding({
  model: 'text-embedding-3-large',
  additionalSessionOptions,
  maxRetries,
})

const asked = (prompt: string) => [{ role: 'user' as const, content: prompt }]

export async function text(prompt: string): Promise<string> {
  const { message } = await llm.chat({ messages: asked(prompt) })
  return String(message.content)
}

export async function* stream(prompt: string): AsyncIterable<string> {
  for await (const { delta } of await llm.chat({ messages: asked(prompt), stream: true })) yield delta
}

export async function withTool(prompt: string, status: (orderId: string) => string): Promise<string[]> {
  const results: string[] = []
  const orderStatus = tool({
    name: 'order_status',
    description: 'Where an order is.',
    parameters: z.object({ orderId: z.string() }),
    execute({ orderId }) {
      const result = status(orderId)
      results.push(result)
      return result
    },
  })
  await llm.exec({ messages: asked(prompt), tools: [orderStatus] })
  return results
}

const Order = z.object({ id: z.string(), lines: z.array(z.object({ part: z.string(), count: z.number() })) })

export async function structured(prompt: string): Promise<z.infer<typeof Order>> {
  const { message } = await llm.chat({ messages: asked(prompt), responseFormat: Order })
  return Order.parse(JSON.parse(String(message.content)))
}

export async function embed(value: string): Promise<number[]> {
  return await embeddings.getTextEmbedding(value)
}
