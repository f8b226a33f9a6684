import type { Question } from './guards/guard.ts'

/** An entry of the cache, as seen from a question. */
export type Neighbour = {
  /** Cosine of the two questions. */
  similarity: number
  /** `overlapOf` the two questions. */
  overlap: number
  /** The same for all entries whose answers were found to say the same. */
  answer: string | number
}

export type Agreement = {
  /** The answer of the nearest neighbour. */
  answer: string | number
  /** From 0 to 1: the weight of those who give this answer, among all, doubt included. */
  confidence: number
  /** How many neighbours as near as the nearest give it: 1 where it stands alone. */
  support: number
  /** Those who give it, nearest first, by their place in what was given. */
  supporters: readonly number[]
}

/**
 * What must hold before an answer is served. Chosen on the training sets of Banking77 and CLINC150 with the
 * local embedder, from a dozen settings; cosines of another model need other figures: measure before you trust them.
 */
export const SERVE = {
  /** Neighbours that have a vote. */
  neighbours: 20,
  /** Least confidence, where several neighbours agree. */
  confidence: 0.7,
  /** Least support: a second opinion, if a distant one. */
  support: 1.2,
  /** Least cosine of the nearest, however many agree. */
  floor: 0.75,
  /** Least cosine of a neighbour that nobody supports. */
  alone: 0.92,
} as const

/** How much the words in common count beside the cosine. */
const WORDS_WEIGHT = 0.2
/** A neighbour farther by this has 1/e of the vote. */
const SPREAD = 0.1
/** As near as this stands one neighbour more, who would answer otherwise: where all are far, doubt wins. */
const DOUBT_AT = 0.65

/** The share of the words of meaning that two questions have in common. */
export function overlapOf({ contentSet: mine }: Question, { contentSet: theirs }: Question): number {
  let shared = 0
  for (const stem of mine) if (theirs.has(stem)) shared += 1
  const all = mine.size + theirs.size - shared
  return all === 0 ? 0 : shared / all
}

/** Cosine and words in one figure; a cosine is taken as it is where half of the words are common. */
export const nearness = ({ similarity, overlap }: Neighbour): number =>
  similarity + WORDS_WEIGHT * (overlap - 0.5)

/**
 * Whether those around a question agree on its answer. Near the border between two answers the nearest neighbour alone
 * is often the wrong one; that all around give one answer is what a border cannot fake. `undefined` without neighbours.
 */
export function agreementOf(neighbours: readonly Neighbour[]): Agreement | undefined {
  const near = neighbours
    .map((neighbour, at) => ({ at, answer: neighbour.answer, nearness: nearness(neighbour) }))
    .sort((a, b) => b.nearness - a.nearness)
    .slice(0, SERVE.neighbours)
  const [first] = near
  if (first === undefined) return undefined
  const weigh = (at: number) => Math.exp((at - first.nearness) / SPREAD)
  let support = 0
  let all = weigh(DOUBT_AT)
  for (const { answer, nearness } of near) {
    all += weigh(nearness)
    if (answer === first.answer) support += weigh(nearness)
  }
  return {
    answer: first.answer,
    confidence: support / all,
    support,
    supporters: near.filter(({ answer }) => answer === first.answer).map(({ at }) => at),
  }
}
