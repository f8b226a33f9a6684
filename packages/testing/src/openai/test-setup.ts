import OpenAI, { type APIError } from 'openai'
import { onTestFinished } from 'vitest'
import { type FakeOpenAIOptions, startFakeOpenAI } from '../index.ts'

/** Starts a fake and a real client of it. The fake is closed after the test. */
export async function setup(options?: FakeOpenAIOptions) {
  const upstream = await startFakeOpenAI({ tokens: 'approximate', ...options })
  onTestFinished(() => upstream.close())
  return { upstream, client: new OpenAI({ baseURL: upstream.baseURL, apiKey: 'k', maxRetries: 0 }) }
}

export const ask = (content: string, model = 'gpt-4o-mini') => ({
  model,
  messages: [{ role: 'user' as const, content }],
})

export const all = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const received: Item[] = []
  for await (const item of items) received.push(item)
  return received
}

export const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: APIError) => error,
  )
