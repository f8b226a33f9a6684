import { Redis } from 'ioredis'
import OpenAI from 'openai'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { chatBy } from './chat.mjs'

/** Requests a minute, in Redis: one script before each call. */
export async function create({ upstream, apiKey, redis }) {
  const storeClient = new Redis(redis, { enableOfflineQueue: false })
  storeClient.on('error', () => undefined)
  await new Promise((resolve) => storeClient.once('ready', resolve))
  const limiter = new RateLimiterRedis({ storeClient, keyPrefix: 'bench', points: 1e8, duration: 60 })
  const client = new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0 })
  return chatBy(async (request) => {
    await limiter.consume('team')
    return await client.chat.completions.create(request)
  })
}
