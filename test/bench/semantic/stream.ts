import { GUARD_NAMES, type GuardName } from '../../../packages/gateway/src/policy/policy.ts'
import { agreementOf, overlapOf, SERVE } from '../../../packages/gateway/src/semantic/agreement.ts'
import type { Question } from '../../../packages/gateway/src/semantic/guards/guard.ts'
import { vetoOf } from '../../../packages/gateway/src/semantic/guards/guards.ts'
import { questionOf } from '../../../packages/gateway/src/semantic/guards/question.ts'
import { randomOf } from '../../random.ts'
import type { Questions } from './data.ts'
import { cosine, progress } from './vectors.ts'

/** Neighbours remembered per question: enough for twenty of them to be in the cache. */
const NEAREST = 100

/** Questions in the order in which they are asked, each with those before it that are nearest. */
export type Stream = {
  questions: Question[]
  intents: string[]
  /** Index and cosine of neighbours, nearest first; `NEAREST` per question, -1 where there were fewer. */
  near: Int32Array
  cosines: Float32Array
  overlaps: Float32Array
  /** What the guards said of a pair, once asked. */
  vetoes: Map<string, Uint8Array>
}

export function streamOf(set: Questions, order: readonly number[], vectors: Float32Array): Stream {
  const dimensions = vectors.length / set.texts.length
  const questions = order.map((at) => questionOf(set.texts[at] ?? ''))
  const near = new Int32Array(order.length * NEAREST).fill(-1)
  const cosines = new Float32Array(order.length * NEAREST)
  const overlaps = new Float32Array(order.length * NEAREST)
  const scores = new Float32Array(order.length)
  for (let at = 0; at < order.length; at += 1) {
    const mine = order[at] ?? 0
    for (let before = 0; before < at; before += 1)
      scores[before] = cosine(vectors, dimensions, mine, order[before] ?? 0)
    const nearest = highest(scores.subarray(0, at), NEAREST)
    for (const [rank, other] of nearest.entries()) {
      near[at * NEAREST + rank] = other
      cosines[at * NEAREST + rank] = scores[other] ?? 0
      overlaps[at * NEAREST + rank] = overlapOf(questions[at] as Question, questions[other] as Question)
    }
    if (at % 100 === 0) progress('comparing', at, order.length)
  }
  progress('comparing', order.length, order.length)
  const intents = order.map((at) => set.intents[at] ?? '')
  return { questions, intents, near, cosines, overlaps, vetoes: new Map() }
}

/** Places of the highest scores, highest first: those above a sampled bar are sorted, not all. */
function highest(scores: Float32Array, count: number): number[] {
  let bar = -Infinity
  if (scores.length > 8 * count) bar = scores.toSorted().at(-count) ?? bar
  const places: number[] = []
  for (const [at, score] of scores.entries()) if (score >= bar) places.push(at)
  return places.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0)).slice(0, count)
}

/** `nearest`: the answer of the nearest, if near enough. `agreement`: that on which those around agree. */
export type Rule = 'nearest' | 'agreement'
export type Policy = {
  rule: Rule
  threshold: number
  guards: readonly GuardName[]
  /** So often, whoever compares two answers errs, either way. */
  judgeErrs?: number
}
export type Outcome = { asked: number; hits: number; wrong: number; vetoed: number }

/** Plays the stream against a cache that starts empty. What was served is not stored: its right answer is unknown. */
export function play(stream: Stream, { rule, threshold, guards, judgeErrs = 0 }: Policy): Outcome {
  const { intents } = stream
  const stored: (number | undefined)[] = new Array(intents.length)
  const groups = new Map<string, number>()
  const outcome = { asked: intents.length, hits: 0, wrong: 0, vetoed: 0 }
  const random = randomOf(7)
  for (let at = 0; at < intents.length; at += 1) {
    const candidates = inCache(stream, at, stored)
    const served = serve(stream, at, candidates, { rule, threshold, guards }, outcome)
    if (served !== undefined) {
      outcome.hits += 1
      if (intents[at] !== intents[served]) outcome.wrong += 1
      continue
    }
    const intent = intents[at] ?? ''
    const group = groups.get(intent) ?? groups.size
    groups.set(intent, group)
    stored[at] = judged(group, candidates[0]?.answer, random() < judgeErrs, at)
  }
  return outcome
}

/** A judge that errs takes one answer for two, or two for one. */
function judged(right: number, nearest: number | undefined, errs: boolean, at: number): number {
  if (!errs) return right
  return nearest === undefined || nearest === right ? -1 - at : nearest
}

type Candidate = { other: number; rank: number; similarity: number; overlap: number; answer: number }

function inCache(
  { near, cosines, overlaps }: Stream,
  at: number,
  stored: (number | undefined)[],
): Candidate[] {
  const found: Candidate[] = []
  for (let rank = 0; rank < NEAREST; rank += 1) {
    const place = at * NEAREST + rank
    const other = near[place] ?? -1
    const answer = stored[other]
    if (answer === undefined) continue
    found.push({ other, rank, similarity: cosines[place] ?? 0, overlap: overlaps[place] ?? 0, answer })
  }
  return found
}

function serve(
  stream: Stream,
  at: number,
  candidates: Candidate[],
  { rule, threshold, guards }: Policy,
  outcome: Outcome,
): number | undefined {
  const [first] = candidates
  if (first === undefined) return undefined
  const passing = (each: Candidate) => !isVetoed(stream, at, each, guards)
  const found =
    rule === 'nearest' ? first.similarity >= threshold && [first] : agreeing(candidates, threshold)
  if (!found) return undefined
  const served = found.find(passing)
  if (served === undefined) outcome.vetoed += 1
  return served?.other
}

function agreeing(candidates: Candidate[], threshold: number): Candidate[] | undefined {
  const agreement = agreementOf(candidates)
  if (agreement === undefined) return undefined
  const supporters = agreement.supporters.flatMap((at) => candidates[at] ?? [])
  const near = (supporters[0]?.similarity ?? 0) >= SERVE.floor
  return near && agreement.support >= SERVE.support && agreement.confidence >= threshold
    ? supporters
    : undefined
}

function isVetoed(
  stream: Stream,
  at: number,
  { other, rank }: Candidate,
  guards: readonly GuardName[],
): boolean {
  if (guards.length === 0) return false
  const key = guards.join()
  const known = stream.vetoes.get(key) ?? new Uint8Array(stream.near.length)
  stream.vetoes.set(key, known)
  const place = at * NEAREST + rank
  known[place] ||= vetoOf(stream.questions[at] as Question, stream.questions[other] as Question, guards)
    ? 2
    : 1
  return known[place] === 2
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
    if (other < 0 || (stream.cosines[at * NEAREST] ?? 0) < threshold) continue
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
