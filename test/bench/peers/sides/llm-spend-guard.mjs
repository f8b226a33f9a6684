import { Redis } from 'ioredis'
import { LLMGuard, RedisStorage } from 'llm-spend-guard'
import OpenAI from 'openai'

/** A call of the burst uses 350 tokens and costs $0.10: it knows tokens, and no dollars. */
const TOKENS_PER_DOLLAR = 3_500

export async function create({ upstream, apiKey, redis, cap }) {
  const store = new Redis(redis)
  store.on('error', () => undefined)
  const guard = new LLMGuard({
    dailyBudgetTokens: cap === undefined ? 1e12 : cap * TOKENS_PER_DOLLAR,
    storage: new RedisStorage(store),
  })
  guard.wrapOpenAI(new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0 }))
  return {
    ask: (content) =>
      guard.openai.chat({ model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content }] }),
  }
}
