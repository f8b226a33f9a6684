/** An agent with LangChain: `npm install @hotdash/llm-gateway openai @langchain/openai @langchain/core zod`. */
import { createGateway } from '@hotdash/llm-gateway'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { z } from 'zod'

export const gateway = createGateway({ agent: 'ai-knowledge' })
const configuration = { fetch: gateway.fetch }
// LangChain counts retries of its own, beside those of the client.
const model = new ChatOpenAI({ model: 'gpt-4o-mini', configuration, maxRetries: 0 })
const embeddings = new OpenAIEmbeddings({ model: 'text-embedding-3-large', configuration, maxRetries: 0 })

export async function text(prompt: string, signal?: AbortSignal): Promise<string> {
  return (await model.invoke(prompt, { signal })).text
}

export async function* stream(prompt: string): AsyncIterable<string> {
  for await (const chunk of await model.stream(prompt)) yield chunk.text
}

export async function withTool(prompt: string, status: (orderId: string) => string): Promise<string[]> {
  const orderStatus = tool(({ orderId }: { orderId: string }) => status(orderId), {
    name: 'order_status',
    description: 'Where an order is.',
    schema: z.object({ orderId: z.string() }),
  })
  const { tool_calls: calls = [] } = await model.bindTools([orderStatus]).invoke(prompt)
  const results = await Promise.all(calls.map((call) => orderStatus.invoke({ ...call, type: 'tool_call' })))
  return results.map(({ content }) => String(content))
}

const Order = z.object({ id: z.string(), lines: z.array(z.object({ part: z.string(), count: z.number() })) })

export async function structured(prompt: string): Promise<z.infer<typeof Order>> {
  return await model.withStructuredOutput(Order).invoke(prompt)
}

export async function embed(value: string): Promise<number[]> {
  return await embeddings.embedQuery(value)
}
