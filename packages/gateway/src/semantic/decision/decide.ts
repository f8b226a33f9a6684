import type { Calibration } from '../embedding/embedder.ts'
import type { Question } from '../guards/guard.ts'
import { clusterAnswers } from './clusters.ts'
import { consensusOf, MIN_WEIGHT, overlapOf } from './consensus.ts'

/** A cached question near the one asked, as the decision needs it. */
export type NearbyQuestion = {
  question: Question
  similarity: number
  groups: readonly string[]
  /** Digest of who asked it. Absent: unknown, and taken for another asker than all others. */
  asker?: string | undefined
  /** Set until it may serve anything at all: others that support the same answer come first. */
  unchecked?: boolean
}

export type DecisionTerms = {
  /** Minimum cosine of an entry served as nearest. */
  threshold: number
  /** Minimum confidence of a consensus. Above 1: never served by consensus. */
  minConfidence: number
  calibration: Calibration
  /** Returns the name of the guard that forbids the answer, or `undefined`. */
  vetoOf: (asked: Question, cached: Question) => string | undefined
  /** Returns how many doubts guards have that forbid nothing; each raises what is needed half-way to 1. */
  doubtOf: (asked: Question, cached: Question) => number
  /** An answer serves only if a second call got an equal one. */
  requireConfirmation: boolean
}

/** The selected entry, and whether it serves. */
export type Decision = {
  /** Index of the selected entry in `near`. `undefined` if none passes the guards. */
  index: number | undefined
  /** `consensus`: several entries give this answer. `nearest`: the nearest entry gives it. */
  path: 'consensus' | 'nearest'
  serves: boolean
  /** Confidence of the consensus; 0 on the path `nearest`. */
  confidence: number
  /** Why the nearest entry may not serve: a guard's name, or `unconfirmed`. */
  veto: string | undefined
}

/**
 * Selects the entry that may answer; `near` is sorted by cosine. On the path `consensus`, the confidence reaches its
 * minimum, and the nearest supporter that passes the guards answers. On the path `nearest`, the nearest entry reaches
 * the cosine threshold.
 */
export function decide(
  asked: Question,
  near: readonly NearbyQuestion[],
  terms: DecisionTerms,
): Decision | undefined {
  const [nearest] = near
  if (nearest === undefined) return undefined
  const supporters = consensusAround(asked, near, terms)
  if (supporters.confidence >= terms.minConfidence) {
    const enough = supporters.indexes.filter(
      (at) => supporters.confidence >= needed(terms.minConfidence, asked, near[at], terms),
    )
    const at = firstThatPasses(asked, near, enough, terms)
    if (at !== undefined)
      return {
        index: at,
        path: 'consensus',
        serves: true,
        confidence: supporters.confidence,
        veto: undefined,
      }
  }
  const veto = terms.vetoOf(asked, nearest.question) ?? unconfirmed(near, terms)
  const serves = veto === undefined && nearest.similarity >= needed(terms.threshold, asked, nearest, terms)
  if (serves || supporters.confidence === 0)
    return { index: veto === undefined ? 0 : undefined, path: 'nearest', serves, confidence: 0, veto }
  const at = firstThatPasses(asked, near, supporters.indexes, terms)
  return { index: at, path: 'consensus', serves: false, confidence: supporters.confidence, veto }
}

/** Returns the confidence and the supporters, nearest first, if weight and similarity suffice. */
function consensusAround(asked: Question, near: readonly NearbyQuestion[], { calibration }: DecisionTerms) {
  const clusters = clusterAnswers(near)
  const votes = near.map(({ question, similarity, asker }, at) => ({
    similarity,
    asker,
    group: clusters[at] ?? at,
    overlap: overlapOf(asked, question),
  }))
  const consensus = consensusOf(votes, calibration)
  const [first = 0] = consensus?.supporters ?? []
  const isFar = (near[first]?.similarity ?? 0) < calibration.minConsensusSimilarity
  if (consensus === undefined || consensus.weight < MIN_WEIGHT || isFar) return { confidence: 0, indexes: [] }
  return { confidence: consensus.confidence, indexes: consensus.supporters }
}

/** Returns the first of the indexes whose entry passes the guards; those that may serve go first. */
function firstThatPasses(
  asked: Question,
  near: readonly NearbyQuestion[],
  indexes: readonly number[],
  terms: DecisionTerms,
): number | undefined {
  const passing = indexes.filter((at) => passes(asked, near[at], terms))
  return passing.find((at) => near[at]?.unchecked !== true) ?? passing[0]
}

const passes = (asked: Question, candidate: NearbyQuestion | undefined, { vetoOf }: DecisionTerms) =>
  candidate !== undefined && vetoOf(asked, candidate.question) === undefined

/** Half-way from the threshold to 1 with each doubt: twice, and the distance left is a quarter. */
const needed = (
  threshold: number,
  asked: Question,
  candidate: NearbyQuestion | undefined,
  { doubtOf }: DecisionTerms,
) => 1 - (1 - threshold) / 2 ** (candidate === undefined ? 0 : doubtOf(asked, candidate.question))

function unconfirmed(near: readonly NearbyQuestion[], { requireConfirmation }: DecisionTerms) {
  if (!requireConfirmation) return undefined
  const clusters = clusterAnswers(near)
  const isSecond = ({ asker }: NearbyQuestion, at: number) =>
    at > 0 && clusters[at] === clusters[0] && (asker === undefined || asker !== near[0]?.asker)
  return near.some(isSecond) ? undefined : 'unconfirmed'
}
