/** An agent with the OpenAI Agents SDK: `npm install @hotdash/llm-gateway openai @openai/agents zod`. */
import { createGatewayClient } from '@hotdash/llm-gateway'
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool } from '@openai/agents'
import { z } from 'zod'

const client = createGatewayClient({ gateway: { agent: 'ai-knowledge' } })
export const { gateway } = client
setDefaultOpenAIClient(client)
// The SDK would send its own traces to OpenAI. The gateway traces each call.
setTracingDisabled(true)

const writer = new Agent({ name: 'Writer', model: 'gpt-4o-mini' })

export async function text(prompt: string, signal?: AbortSignal): Promise<string> {
  return String((await run(writer, prompt, { signal })).finalOutput)
}

export async function* stream(prompt: string): AsyncIterable<string> {
  const result = await run(writer, prompt, { stream: true })
  for await (const delta of result.toTextStream()) yield delta
  await result.completed
}

export async function withTool(prompt: string, status: (orderId: string) => string): Promise<string[]> {
  const results: string[] = []
  const orderStatus = tool({
    name: 'order_status',
    description: 'Where an order is.',
    parameters: z.object({ orderId: z.string() }),
    async execute({ orderId }) {
      const result = status(orderId)
      results.push(result)
      return result
    },
  })
  await run(new Agent({ name: 'Orders', model: 'gpt-4o-mini', tools: [orderStatus] }), prompt)
  return results
}

const Order = z.object({ id: z.string(), lines: z.array(z.object({ part: z.string(), count: z.number() })) })

export async function structured(prompt: string): Promise<z.infer<typeof Order>> {
  const reader = new Agent({ name: 'Reader', model: 'gpt-4o-mini', outputType: Order })
  const { finalOutput } = await run(reader, prompt)
  if (finalOutput === undefined) throw new Error('the run has no output')
  return finalOutput
}

export async function embed(input: string): Promise<number[]> {
  const { data } = await client.embeddings.create({ model: 'text-embedding-3-large', input })
  return data[0]?.embedding ?? []
}
