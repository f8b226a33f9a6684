import type { Calibration } from '../embedding/embedder.ts'
import type { Question } from '../guards/guard.ts'

/** A cached entry as it votes on a question. */
export type Vote = {
  /** Cosine of the two questions. */
  similarity: number
  /** `overlapOf` the two questions. */
  overlap: number
  /** Cluster of its answer. */
  group: number
  /** Who asked. Each asker has one vote for an answer. Absent: unknown, and taken for another asker than all others. */
  asker?: string | undefined
}

export type Consensus = {
  /** Cluster of the nearest vote. */
  group: number
  /** From 0 to 1: the cluster's weight over all weights, the prior included. */
  confidence: number
  /** Summed kernel weight of the cluster. The nearest vote counts 1, so 1 means that no other entry supports it. */
  weight: number
  /** Indexes of the cluster's entries in the input, nearest first. */
  supporters: readonly number[]
}

/** Nearest entries that vote. */
export const MAX_VOTES = 20
/** Entries to fetch: some rank higher by word overlap than by cosine. */
export const NEIGHBOURS = 40
/** Minimum weight: the nearest, and at least a distant second entry. */
export const MIN_WEIGHT = 1.2

/**
 * Calibration for an embedder without one, taken from another embedder. It selects what is judged; nothing is served
 * by consensus until labels prove the error budget.
 */
export const DEFAULT_CALIBRATION: Calibration = {
  minSimilarity: 0.95,
  minConfidence: 0.7,
  minConsensusSimilarity: 0.7,
  bandwidth: 0.1,
  priorSimilarity: 0.6,
}

/** Weight of the word overlap in a vote's similarity. */
const WORDS_WEIGHT = 0.2

/** Jaccard index of two questions' content words, from 0 to 1. */
export function overlapOf({ wordHashes: mine }: Question, { wordHashes: theirs }: Question): number {
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

/** Similarity used for voting: `cosine + 0.2 * (overlap - 0.5)`, i.e. the plain cosine at an overlap of 0.5. */
const voteSimilarity = ({ similarity, overlap }: Vote): number => similarity + WORDS_WEIGHT * (overlap - 0.5)

/**
 * Computes a kernel-weighted vote of the neighbours on the answer. Near the border between two answers the nearest
 * neighbour is often wrong, while agreement of all neighbours does not occur there. Returns `undefined` without
 * neighbours.
 *
 * An entry that was never compared is a cluster by itself and votes against all others: a missing comparison lowers
 * the confidence of its answer and raises no other. So it costs hits, and never causes one.
 */
export function consensusOf(
  votes: readonly Vote[],
  { bandwidth, priorSimilarity }: Calibration,
): Consensus | undefined {
  const near = votes
    .map((vote, at) => ({ at, group: vote.group, asker: vote.asker, nearness: voteSimilarity(vote) }))
    .sort((a, b) => b.nearness - a.nearness)
    .slice(0, MAX_VOTES)
  const [first] = near
  if (first === undefined) return undefined
  const weigh = (at: number) => Math.exp((at - first.nearness) / bandwidth)
  let weight = 0
  let all = weigh(priorSimilarity)
  const counted = new Set<string>()
  for (const { group, nearness, asker } of near) {
    // Of one asker's entries that support the answer, the nearest counts; against it, all do.
    if (group === first.group && asker !== undefined) {
      if (counted.has(asker)) continue
      counted.add(asker)
    }
    all += weigh(nearness)
    if (group === first.group) weight += weigh(nearness)
  }
  return {
    group: first.group,
    confidence: weight / all,
    weight,
    supporters: near.filter(({ group }) => group === first.group).map(({ at }) => at),
  }
}
