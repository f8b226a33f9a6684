import Bottleneck from 'bottleneck'
import { Redis } from 'ioredis'
import OpenAI from 'openai'
import { chatBy } from './chat.mjs'

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
  return chatBy((request) => limiter.schedule(() => client.chat.completions.create(request)))
}
