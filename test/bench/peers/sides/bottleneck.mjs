import Bottleneck from 'bottleneck'
import { Redis } from 'ioredis'
import OpenAI from 'openai'

/** Clustered: one reservoir of requests for all processes, in Redis. */
export async function create({ upstream, apiKey, redis }) {
  const { hostname: host, port } = new URL(redis)
  const limiter = new Bottleneck({
    id: 'bench',
    datastore: 'ioredis',
    Redis,
    clientOptions: { host, port: Number(port) },
    reservoir: 1e8,
    reservoirRefreshAmount: 1e8,
    reservoirRefreshInterval: 60_000,
  })
  limiter.on('error', () => undefined)
  await limiter.ready()
  const client = new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0 })
  const request = (content) => ({
    model: 'gpt-4o-mini',
    max_tokens: 100,
    messages: [{ role: 'user', content }],
  })
  return {
    ask: (content) => limiter.schedule(() => client.chat.completions.create(request(content))),
    stream: (content) =>
      limiter.schedule(() => client.chat.completions.create({ ...request(content), stream: true })),
  }
}
