import type { Calibration } from '../embedding/embedder.ts'
import type { Question } from '../guards/guard.ts'

/** An entry of the cache, as seen from a question. */
export type Vote = {
  /** Cosine of the two questions. */
  similarity: number
  /** `overlapOf` the two questions. */
  overlap: number
  /** The same for all entries whose answers were found to say the same. */
  group: number
}

export type Consensus = {
  /** The group of the nearest. */
  group: number
  /** From 0 to 1: the weight of those who give this answer, among all, doubt included. */
  confidence: number
  /** How many neighbours as near as the nearest give it: 1 where it stands alone. */
  support: number
  /** Those who give it, nearest first, by their place in what was given. */
  supporters: readonly number[]
}

/** Neighbours that have a vote. */
export const MAX_VOTES = 20
/** Entries that are looked at: some are nearer by their words than by their cosines. */
export const NEIGHBOURS = 40
/** Least support: a second opinion, if a distant one. */
export const SUPPORT = 1.2

/**
 * What is tried where nothing is known of an embedder: figures of another one. They say which answers are judged, and
 * none is served by them before judgements have borne them out.
 */
export const UNMEASURED: Calibration = {
  alone: 0.95,
  confidence: 0.7,
  floor: 0.7,
  spread: 0.1,
  doubtAt: 0.6,
}

/** How much the words in common count beside the cosine. */
const WORDS_WEIGHT = 0.2

/** The share of the words of meaning that two questions have in common. */
export function overlapOf({ marks: mine }: Question, { marks: theirs }: Question): number {
  let shared = 0
  for (let my = 0, their = 0; my < mine.length && their < theirs.length; ) {
    const a = mine[my] ?? 0
    const b = theirs[their] ?? 0
    if (a === b) shared += 1
    if (a <= b) my += 1
    if (b <= a) their += 1
  }
  const all = mine.length + theirs.length - shared
  return all === 0 ? 0 : shared / all
}

/** Cosine and words in one figure; a cosine is taken as it is where half of the words are common. */
const nearness = ({ similarity, overlap }: Vote): number => similarity + WORDS_WEIGHT * (overlap - 0.5)

/**
 * Whether those around a question agree on its answer. Near the border between two answers the nearest neighbour alone
 * is often the wrong one; that all around give one answer is what a border cannot fake. `undefined` without neighbours.
 *
 * An entry that nobody compared with another is a group of its own. It votes for itself alone, against all others: an
 * answer whose group lacks a member has less support, and the others have not more. So what was not judged costs hits,
 * and never makes one.
 */
export function consensusOf(
  voters: readonly Vote[],
  { spread, doubtAt }: Calibration,
): Consensus | undefined {
  const near = voters
    .map((voter, at) => ({ at, group: voter.group, nearness: nearness(voter) }))
    .sort((a, b) => b.nearness - a.nearness)
    .slice(0, MAX_VOTES)
  const [first] = near
  if (first === undefined) return undefined
  const weigh = (at: number) => Math.exp((at - first.nearness) / spread)
  let support = 0
  let all = weigh(doubtAt)
  for (const { group, nearness } of near) {
    all += weigh(nearness)
    if (group === first.group) support += weigh(nearness)
  }
  return {
    group: first.group,
    confidence: support / all,
    support,
    supporters: near.filter(({ group }) => group === first.group).map(({ at }) => at),
  }
}
