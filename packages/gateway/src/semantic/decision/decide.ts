import type { Calibration } from '../embedding/embedder.ts'
import type { Question } from '../guards/guard.ts'
import { clusterAnswers } from './clusters.ts'
import { consensusOf, MIN_WEIGHT, overlapOf } from './consensus.ts'

/** An entry near a question, as far as it bears on the decision. */
export type NearbyQuestion = { question: Question; similarity: number; groups: readonly string[] }

export type DecisionTerms = {
  /** Least cosine of an entry that serves on its own. */
  threshold: number
  /** Least confidence of those who agree. Above 1: they are not believed yet. */
  minConfidence: number
  calibration: Calibration
  /** What speaks against giving the answer of one question to another, by name. */
  vetoOf: (asked: Question, cached: Question) => string | undefined
  /** An answer serves only where a second call was found to have got it, too. */
  requireConfirmation: boolean
}

/** Why an answer may be given, if it may. */
export type Decision = {
  /** The place of the entry whose answer serves, or would, were it near enough; `undefined`: none passes the guards. */
  index: number | undefined
  /** `consensus`: several give this answer. `nearest`: it is the nearest. */
  path: 'consensus' | 'nearest'
  serves: boolean
  /** Of those who agree; 0 where nobody supports the nearest. */
  confidence: number
  /** Why the nearest may not serve, as the name of a guard, or `unconfirmed`. */
  veto: string | undefined
}

/**
 * Which of the entries near a question may answer it, `near` in the order of their cosines. Either several agree with
 * enough confidence, and the nearest of them that passes the guards answers; or the nearest is as near as an entry must be
 * that nobody supports.
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
    const at = supporters.places.find((place) => passes(asked, near[place], terms))
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
  const serves = veto === undefined && nearest.similarity >= terms.threshold
  if (serves || supporters.confidence === 0)
    return { index: veto === undefined ? 0 : undefined, path: 'nearest', serves, confidence: 0, veto }
  const at = supporters.places.find((place) => passes(asked, near[place], terms))
  return { index: at, path: 'consensus', serves: false, confidence: supporters.confidence, veto }
}

/** Those who give one answer, if there are enough of them, and near enough; the nearest first. */
function consensusAround(asked: Question, near: readonly NearbyQuestion[], { calibration }: DecisionTerms) {
  const families = clusterAnswers(near)
  const voters = near.map(({ question, similarity }, at) => ({
    similarity,
    group: families[at] ?? at,
    overlap: overlapOf(asked, question),
  }))
  const agreement = consensusOf(voters, calibration)
  const [first = 0] = agreement?.supporters ?? []
  const isFar = (near[first]?.similarity ?? 0) < calibration.minConsensusSimilarity
  if (agreement === undefined || agreement.weight < MIN_WEIGHT || isFar) return { confidence: 0, places: [] }
  return { confidence: agreement.confidence, places: agreement.supporters }
}

const passes = (asked: Question, candidate: NearbyQuestion | undefined, { vetoOf }: DecisionTerms) =>
  candidate !== undefined && vetoOf(asked, candidate.question) === undefined

function unconfirmed(near: readonly NearbyQuestion[], { requireConfirmation }: DecisionTerms) {
  if (!requireConfirmation) return undefined
  const [first, ...others] = clusterAnswers(near)
  return others.includes(first ?? 0) ? undefined : 'unconfirmed'
}
