import type { JsonObject } from '../../core/json.ts'
import { digest } from './deterministic.ts'

/** A token's log probability, and those of the `top` likeliest in its place: itself first, each other less likely. */
export function logprobsOf(tokens: string[], top: number): JsonObject[] {
  return tokens.map((token) => {
    const sureness = -((digest(token)[0] ?? 0) + 1) / 1_000
    const others = Array.from({ length: top }, (_, rank) =>
      rank === 0 ? entry(token, sureness) : entry(`${token}${'’'.repeat(rank)}`, sureness - rank),
    )
    return { ...entry(token, sureness), top_logprobs: others }
  })
}

const entry = (token: string, logprob: number) => ({ token, logprob, bytes: [...Buffer.from(token)] })
