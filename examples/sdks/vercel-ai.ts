/** An agent with the Vercel AI SDK: `npm install @hotdash/llm-gateway openai ai @ai-sdk/openai zod`. */
import { createOpenAI } from '@ai-sdk/openai'
import { createGateway } from '@hotdash/llm-gateway'
import { embed as embedOne, generateText, Output, streamText, tool } from 'ai'
import { z } from 'zod'

export const gateway = createGateway({ agent: 'ai-knowledge' })
const openai = createOpenAI({ fetch: gateway.fetch })
// Without it the SDK repeats each refusal twice, after the wait that the refusal names.
const maxRetries = 0

export async function text(prompt: string, abortSignal?: AbortSignal): Promise<string> {
  return (await generateText({ model: openai('gpt-4o-mini'), prompt, maxRetries, abortSignal })).text
}

export async function* stream(prompt: string): AsyncIterable<string> {
  // The SDK writes errors of a stream to the console, and `textStream` ends as if there was none.
  const { fullStream } = streamText({ model: openai('gpt-4o-mini'), prompt, maxRetries, onError: () => {} })
  for await (const part of fullStream) {
    if (part.type === 'text-delta') yield part.text
    if (part.type === 'error') throw part.error
  }
}

export async function withTool(prompt: string, status: (orderId: string) => string): Promise<string[]> {
  const orderStatus = tool({
    description: 'Where an order is.',
    inputSchema: z.object({ orderId: z.string() }),
    execute: async ({ orderId }) => status(orderId),
  })
  const { toolResults } = await generateText({
    model: openai('gpt-4o-mini'),
    prompt,
    maxRetries,
    tools: { order_status: orderStatus },
  })
  return toolResults.map(({ output }) => String(output))
}

const Order = z.object({ id: z.string(), lines: z.array(z.object({ part: z.string(), count: z.number() })) })

export async function structured(prompt: string): Promise<z.infer<typeof Order>> {
  const { output } = await generateText({
    model: openai('gpt-4o-mini'),
    prompt,
    maxRetries,
    output: Output.object({ schema: Order }),
  })
  return output
}

export async function embed(value: string): Promise<number[]> {
  return (await embedOne({ model: openai.embedding('text-embedding-3-large'), value, maxRetries })).embedding
}
