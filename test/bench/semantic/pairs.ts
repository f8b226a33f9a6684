import { GUARD_NAMES, type GuardName } from '#src/core/policy.ts'
import type { Embedder } from '#src/semantic/embedding/embedder.ts'
import { vetoOf } from '#src/semantic/guards/guards.ts'
import { questionOf } from '#src/semantic/guards/question.ts'
import type { Pair } from './data.ts'

export type Verdict = Pair & { similarity: number; veto: string | undefined }

/** Each pair as if the one question stood alone in the cache when the other is asked. */
export async function verdictsOn(
  pairs: readonly Pair[],
  embed: Embedder['embed'],
  guards: readonly GuardName[] = GUARD_NAMES,
): Promise<Verdict[]> {
  const vectors = await embed(pairs.flatMap(({ asked, cached }) => [asked, cached]))
  return pairs.map((pair, at) => {
    const [one, other] = [vectors[2 * at], vectors[2 * at + 1]]
    const similarity = one?.reduce((sum, value, place) => sum + value * (other?.[place] ?? 0), 0) ?? 0
    return { ...pair, similarity, veto: vetoOf(questionOf(pair.asked), questionOf(pair.cached), guards) }
  })
}

/** How many are served at a threshold, with guards and without. */
export function servedAt(verdicts: readonly Verdict[], threshold: number) {
  const near = verdicts.filter(({ similarity }) => similarity >= threshold)
  return { off: near.length, on: near.filter(({ veto }) => veto === undefined).length }
}
