import { overlapOf } from '#src/semantic/decision/consensus.ts'
import { randomOf } from '../../random.ts'
import type { Stream } from './stream.ts'
import { cosine } from './vectors.ts'

/** Random questions that each pair starts from. */
const PAIRS = 2_000
/** Questions among which the one with most words in common is sought. */
const POOL = 400

/**
 * Measures how well cosines tell pairs with one answer from pairs with two: the probability that of a random pair of
 * each kind the first has the higher cosine. The pairs do not depend on the embedder. `any`: pairs with two answers
 * are random. `alike`: they are those with most content words in common.
 */
export function areaUnderCurve(
  { questions, intents }: Pick<Stream, 'questions' | 'intents'>,
  vectors: Float32Array,
): { any: number; alike: number } {
  const random = randomOf(11)
  const dimensions = vectors.length / intents.length
  const byIntent = new Map<string, number[]>()
  for (const [at, intent] of intents.entries()) byIntent.set(intent, [...(byIntent.get(intent) ?? []), at])
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const every = intents.map((_, at) => at)
  const same: number[] = []
  const other: number[] = []
  const alike: number[] = []
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const one = pick(every)
    const mates = (byIntent.get(intents[one] ?? '') ?? []).filter((at) => at !== one)
    if (mates.length === 0) continue
    const strangers = Array.from({ length: POOL }, () => pick(every)).filter(
      (at) => intents[at] !== intents[one],
    )
    const [first = one] = strangers
    const overlap = (at: number) => {
      const [mine, theirs] = [questions[one], questions[at]]
      return mine && theirs ? overlapOf(mine, theirs) : 0
    }
    const nearest = strangers.reduce((best, at) => (overlap(at) > overlap(best) ? at : best), first)
    same.push(cosine(vectors, dimensions, one, pick(mates)))
    other.push(cosine(vectors, dimensions, one, first))
    alike.push(cosine(vectors, dimensions, one, nearest))
  }
  return { any: above(same, other), alike: above(same, alike) }
}

/** Share of all pairs of one value of each list in which the first is higher; equal ones count half. */
function above(higher: readonly number[], lower: readonly number[]): number {
  const sorted = Float64Array.from(lower).sort()
  const below = (value: number, orEqual: boolean) => {
    let [from, to] = [0, sorted.length]
    while (from < to) {
      const middle = (from + to) >> 1
      const candidate = sorted[middle] as number
      if (candidate < value || (orEqual && candidate === value)) from = middle + 1
      else to = middle
    }
    return from
  }
  const sum = higher.reduce((all, value) => all + (below(value, false) + below(value, true)) / 2, 0)
  return sum / (higher.length * sorted.length)
}
