import { createOpenAI } from '@ai-sdk/openai'
import { generateText, simulateReadableStream, streamText, wrapLanguageModel } from 'ai'
import { Redis } from 'ioredis'

/** The caching middleware of the AI SDK's page "Caching Responses", with ioredis where it has Upstash's client. */
const cachingIn = (redis) => ({
  specificationVersion: 'v4',
  wrapGenerate: async ({ doGenerate, params }) => {
    const key = JSON.stringify(params)
    const text = await redis.get(key)
    if (text !== null) {
      const cached = JSON.parse(text)
      const timestamp = cached.response?.timestamp ? new Date(cached.response.timestamp) : undefined
      return { ...cached, response: { ...cached.response, timestamp } }
    }
    const result = await doGenerate()
    redis.set(key, JSON.stringify(result)).catch(() => undefined)
    return result
  },
  wrapStream: async ({ doStream, params }) => {
    const key = JSON.stringify(params)
    const text = await redis.get(key)
    if (text !== null) {
      const chunks = JSON.parse(text)
      return { stream: simulateReadableStream({ initialDelayInMs: 0, chunkDelayInMs: 0, chunks }) }
    }
    const { stream, ...rest } = await doStream()
    const chunks = []
    const keep = new TransformStream({
      transform(chunk, controller) {
        chunks.push(chunk)
        controller.enqueue(chunk)
      },
      flush() {
        redis.set(key, JSON.stringify(chunks)).catch(() => undefined)
      },
    })
    return { stream: stream.pipeThrough(keep), ...rest }
  },
})

export async function create({ upstream, apiKey, redis: url }) {
  const redis = new Redis(url)
  redis.on('error', () => undefined)
  const model = wrapLanguageModel({
    model: createOpenAI({ baseURL: upstream, apiKey }).chat('gpt-4o-mini'),
    middleware: cachingIn(redis),
  })
  const request = (prompt) => ({ model, prompt, maxOutputTokens: 100, maxRetries: 0 })
  return {
    ask: (prompt) => generateText(request(prompt)),
    stream: (prompt) => streamText(request(prompt)).textStream,
  }
}
