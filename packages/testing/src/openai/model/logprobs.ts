import type { JsonObject } from '../../core/json.ts'
import { digest } from './deterministic.ts'

/** Returns each token's log probability with its `top` most likely alternatives: itself first, the others less likely. */
export function logprobsOf(tokens: string[], top: number): JsonObject[] {
  return tokens.map((token) => {
    const logprob = -((digest(token)[0] ?? 0) + 1) / 1_000
    const others = Array.from({ length: top }, (_, rank) =>
      rank === 0 ? entry(token, logprob) : entry(`${token}${'’'.repeat(rank)}`, logprob - rank),
    )
    return { ...entry(token, logprob), top_logprobs: others }
  })
}

const entry = (token: string, logprob: number) => ({ token, logprob, bytes: [...Buffer.from(token)] })
