import { LRUCache } from 'lru-cache'

/** Before anything is known of an agent and model. */
const FIRST_GUESS = 300
const WEIGHT = 0.1
/** Means are whole thousandths of a token, so that every store learns the same from the same. */
const THOUSANDTHS = 1_000

/** How long this agent's answers from this model usually are: a moving mean, learned from what upstream counted. */
export function createExpectation() {
  const means = new LRUCache<string, number>({ max: 1_000 })
  return {
    output(agent: string, model: string) {
      const mean = means.get(`${agent}\n${model}`)
      return mean === undefined ? FIRST_GUESS : Math.ceil(mean / THOUSANDTHS)
    },
    /** Another one has learned that they are. */
    know(agent: string, model: string, tokens: number) {
      means.set(`${agent}\n${model}`, tokens * THOUSANDTHS)
    },
    learn(agent: string, model: string, tokens: number) {
      const key = `${agent}\n${model}`
      const mean = means.get(key)
      const now = tokens * THOUSANDTHS
      means.set(key, mean === undefined ? now : Math.floor(mean + WEIGHT * (now - mean) + 0.5))
    },
  }
}
