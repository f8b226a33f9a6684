/** An agent with Mastra: `npm install @hotdash/llm-gateway openai @mastra/core @ai-sdk/openai@3 zod`. */
import { createOpenAI } from '@ai-sdk/openai'
import { createGateway } from '@hotdash/llm-gateway'
import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { z } from 'zod'

export const gateway = createGateway({ agent: 'ai-knowledge' })
const openai = createOpenAI({ fetch: gateway.fetch })
const model = openai('gpt-4o-mini')
const about = { instructions: 'Answer briefly.', model, maxRetries: 0 }

const writer = new Agent({ id: 'writer', name: 'Writer', ...about })

export async function text(prompt: string, abortSignal?: AbortSignal): Promise<string> {
  return (await writer.generate(prompt, { abortSignal })).text
}

export async function* stream(prompt: string): AsyncIterable<string> {
  // `textStream` ends after an error as if there was none.
  for await (const part of (await writer.stream(prompt)).fullStream) {
    if (part.type === 'text-delta') yield part.payload.text
    if (part.type === 'error') throw part.payload.error
  }
}

export async function withTool(prompt: string, status: (orderId: string) => string): Promise<string[]> {
  const results: string[] = []
  const orderStatus = createTool({
    id: 'order_status',
    description: 'Where an order is.',
    inputSchema: z.object({ orderId: z.string() }),
    async execute({ orderId }) {
      const result = status(orderId)
      results.push(result)
      return { result }
    },
  })
  await new Agent({ id: 'orders', name: 'Orders', ...about, tools: { order_status: orderStatus } }).generate(
    prompt,
  )
  return results
}

const Order = z.object({ id: z.string(), lines: z.array(z.object({ part: z.string(), count: z.number() })) })

export async function structured(prompt: string): Promise<z.infer<typeof Order>> {
  return (await writer.generate(prompt, { structuredOutput: { schema: Order } })).object
}

export async function embed(value: string): Promise<number[]> {
  const { embeddings } = await openai.embedding('text-embedding-3-large').doEmbed({ values: [value] })
  return embeddings[0] ?? []
}
