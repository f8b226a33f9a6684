import { LRUCache } from 'lru-cache'

/** Before anything is known of an agent and model. */
const FIRST_GUESS = 300
const WEIGHT = 0.1

/** How long this agent's answers from this model usually are: a moving mean, learned from what upstream counted. */
export function createExpectation() {
  const means = new LRUCache<string, number>({ max: 1_000 })
  return {
    output: (agent: string, model: string) => Math.ceil(means.get(`${agent}\n${model}`) ?? FIRST_GUESS),
    learn(agent: string, model: string, tokens: number) {
      const key = `${agent}\n${model}`
      const mean = means.get(key)
      means.set(key, mean === undefined ? tokens : mean + WEIGHT * (tokens - mean))
    },
  }
}
