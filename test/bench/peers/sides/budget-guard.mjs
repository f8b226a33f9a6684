import OpenAI from 'openai'
import { createClient } from 'redis'
import { chatBy } from './chat.mjs'
import { definePrice, estimator, guard, redisStore } from './source/dist/index.js'

/** Its estimator reserves the cost before the call, in Redis, by a script. */
export async function create({ upstream, apiKey, redis, cap }) {
  const store = createClient({ url: redis })
  store.on('error', () => undefined)
  await store.connect()
  // Dollars for 1,000 tokens: a call costs $0.10.
  if (cap !== undefined) definePrice('gpt-4o-mini', { in: 0.2, out: 0.5 })
  const client = new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0 })
  const guarded = guard(client.chat.completions, {
    project: 'bench',
    dailyCapUSD: cap ?? 1e6,
    store: redisStore(store),
    estimateUsage: estimator(),
  })
  return chatBy((request) => guarded.create(request))
}
