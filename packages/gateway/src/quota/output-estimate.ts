import { LRUCache } from 'lru-cache'

/** Expected output tokens of an agent and model without any answer yet. */
const FIRST_GUESS = 300
const WEIGHT = 0.1
/** Means are kept in whole thousandths of a token, so that every store computes the same values. */
const THOUSANDTHS = 1_000

/** Estimates output tokens per agent and model: an exponential moving average of the counts that upstream reported. */
export function createOutputEstimate() {
  const means = new LRUCache<string, number>({ max: 1_000 })
  return {
    /** Returns the expected output tokens. */
    output(agent: string, model: string) {
      const mean = means.get(`${agent}\n${model}`)
      return mean === undefined ? FIRST_GUESS : Math.ceil(mean / THOUSANDTHS)
    },
    /** Takes over a mean that another store has learned. */
    know(agent: string, model: string, tokens: number) {
      means.set(`${agent}\n${model}`, tokens * THOUSANDTHS)
    },
    /** Updates the mean with the output tokens of one answer. */
    learn(agent: string, model: string, tokens: number) {
      const key = `${agent}\n${model}`
      const mean = means.get(key)
      const now = tokens * THOUSANDTHS
      means.set(key, mean === undefined ? now : Math.floor(mean + WEIGHT * (now - mean) + 0.5))
    },
  }
}
