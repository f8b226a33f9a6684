import { GUARD_NAMES, type GuardName } from '#src/core/policy.ts'
import { NEIGHBOURS } from '#src/semantic/decision/consensus.ts'
import type { Question } from '#src/semantic/guards/guard.ts'
import { vetoOf } from '#src/semantic/guards/guards.ts'
import { questionOf } from '#src/semantic/guards/question.ts'
import { randomOf } from '../../random.ts'
import type { Questions } from './data.ts'
import { isEligible } from './gate.ts'
import { cosine, progress } from './vectors.ts'

/** Neighbours remembered per question: enough for twenty of them to be in the cache. */
const NEAREST = 100

/** Questions in the order in which they are asked, each with those before it that are nearest. */
export type Stream = {
  texts: string[]
  questions: Question[]
  intents: string[]
  /** Whether the gateway would look it up by meaning at all. Others are neither served nor stored. */
  eligible: boolean[]
  /** Index and cosine of neighbours, nearest first; `NEAREST` per question, -1 where there were fewer. */
  near: Int32Array
  cosines: Float32Array
}

export function streamOf(set: Questions, order: readonly number[], vectors: Float32Array): Stream {
  const dimensions = vectors.length / set.texts.length
  const texts = order.map((at) => set.texts[at] ?? '')
  const questions = texts.map((text) => questionOf(text))
  const near = new Int32Array(order.length * NEAREST).fill(-1)
  const cosines = new Float32Array(order.length * NEAREST)
  const scores = new Float32Array(order.length)
  for (let at = 0; at < order.length; at += 1) {
    const mine = order[at] ?? 0
    for (let before = 0; before < at; before += 1)
      scores[before] = cosine(vectors, dimensions, mine, order[before] ?? 0)
    const nearest = highest(scores.subarray(0, at), NEAREST)
    for (const [rank, other] of nearest.entries()) {
      near[at * NEAREST + rank] = other
      cosines[at * NEAREST + rank] = scores[other] ?? 0
    }
    if (at % 100 === 0) progress('comparing', at, order.length)
  }
  progress('comparing', order.length, order.length)
  const intents = order.map((at) => set.intents[at] ?? '')
  return { texts, questions, intents, eligible: texts.map(isEligible), near, cosines }
}

/** Places of the highest scores, highest first: those above a sampled bar are sorted, not all. */
function highest(scores: Float32Array, count: number): number[] {
  let bar = -Infinity
  if (scores.length > 8 * count) bar = scores.toSorted().at(-count) ?? bar
  const places: number[] = []
  for (const [at, score] of scores.entries()) if (score >= bar) places.push(at)
  return places.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0)).slice(0, count)
}

export type Near = { at: number; similarity: number }

/** Those before it that are in the cache, nearest first, as many as the gateway looks at. */
export function nearestIn(
  { near, cosines }: Stream,
  at: number,
  isStored: (other: number) => boolean,
): Near[] {
  const found: Near[] = []
  for (let place = at * NEAREST; place < (at + 1) * NEAREST && found.length < NEIGHBOURS; place += 1) {
    const other = near[place] ?? -1
    if (other >= 0 && isStored(other)) found.push({ at: other, similarity: cosines[place] ?? 0 })
  }
  return found
}

/** What each guard, alone, would veto of the hits of the nearest: how many right ones it costs, how many wrong it saves. */
export function costs(
  stream: Stream,
  threshold: number,
): Map<GuardName | 'all hits', { right: number; wrong: number }> {
  const found = new Map<GuardName | 'all hits', { right: number; wrong: number }>()
  const count = (name: GuardName | 'all hits', right: boolean) => {
    const sums = found.get(name) ?? { right: 0, wrong: 0 }
    sums[right ? 'right' : 'wrong'] += 1
    found.set(name, sums)
  }
  for (let at = 1; at < stream.intents.length; at += 1) {
    const other = stream.near[at * NEAREST] ?? -1
    if (
      other < 0 ||
      !stream.eligible[at] ||
      !stream.eligible[other] ||
      (stream.cosines[at * NEAREST] ?? 0) < threshold
    )
      continue
    const right = stream.intents[at] === stream.intents[other]
    count('all hits', right)
    for (const name of GUARD_NAMES)
      if (vetoOf(stream.questions[at] as Question, stream.questions[other] as Question, [name]))
        count(name, right)
  }
  return found
}

/** The same order on every machine. */
export function shuffled(count: number, seed: number): number[] {
  const random = randomOf(seed)
  const order = Array.from({ length: count }, (_, at) => at)
  for (let at = count - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1))
    ;[order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0]
  }
  return order
}
