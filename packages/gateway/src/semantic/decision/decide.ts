import type { Calibration } from '../embedding/embedder.ts'
import type { Question } from '../guards/guard.ts'
import { clusterAnswers } from './clusters.ts'
import { consensusOf, overlapOf, SUPPORT } from './consensus.ts'

/** An entry near a question, as far as it bears on the decision. */
export type Candidate = { question: Question; similarity: number; groups: readonly string[] }

export type Terms = {
  /** Least cosine of an entry that serves on its own. */
  threshold: number
  /** Least confidence of those who agree. Above 1: they are not believed yet. */
  limit: number
  calibration: Calibration
  /** What speaks against giving the answer of one question to another, by name. */
  vetoOf: (asked: Question, cached: Question) => string | undefined
  /** An answer serves only where a second call was found to have got it, too. */
  secondSighting: boolean
}

/** Why an answer may be given, if it may. */
export type Decision = {
  /** The place of the entry whose answer serves, or would, were it near enough; `undefined`: none passes the guards. */
  at: number | undefined
  /** `agreement`: several give this answer. `alone`: it is the nearest. */
  path: 'agreement' | 'alone'
  serves: boolean
  /** Of those who agree; 0 where nobody supports the nearest. */
  confidence: number
  /** Why the nearest may not serve, as the name of a guard, or `unsighted`. */
  veto: string | undefined
}

/**
 * Which of the entries near a question may answer it, `near` in the order of their cosines. Either several agree with
 * enough confidence, and the nearest of them that passes the guards answers; or the nearest is as near as an entry must be
 * that nobody supports.
 */
export function decide(asked: Question, near: readonly Candidate[], terms: Terms): Decision | undefined {
  const [nearest] = near
  if (nearest === undefined) return undefined
  const supporters = agreeing(asked, near, terms)
  if (supporters.confidence >= terms.limit) {
    const at = supporters.places.find((place) => passes(asked, near[place], terms))
    if (at !== undefined)
      return { at, path: 'agreement', serves: true, confidence: supporters.confidence, veto: undefined }
  }
  const veto = terms.vetoOf(asked, nearest.question) ?? unsighted(near, terms)
  const serves = veto === undefined && nearest.similarity >= terms.threshold
  if (serves || supporters.confidence === 0)
    return { at: veto === undefined ? 0 : undefined, path: 'alone', serves, confidence: 0, veto }
  const at = supporters.places.find((place) => passes(asked, near[place], terms))
  return { at, path: 'agreement', serves: false, confidence: supporters.confidence, veto }
}

/** Those who give one answer, if there are enough of them, and near enough; the nearest first. */
function agreeing(asked: Question, near: readonly Candidate[], { calibration }: Terms) {
  const families = clusterAnswers(near)
  const voters = near.map(({ question, similarity }, at) => ({
    similarity,
    group: families[at] ?? at,
    overlap: overlapOf(asked, question),
  }))
  const agreement = consensusOf(voters, calibration)
  const [first = 0] = agreement?.supporters ?? []
  const isFar = (near[first]?.similarity ?? 0) < calibration.floor
  if (agreement === undefined || agreement.support < SUPPORT || isFar) return { confidence: 0, places: [] }
  return { confidence: agreement.confidence, places: agreement.supporters }
}

const passes = (asked: Question, candidate: Candidate | undefined, { vetoOf }: Terms) =>
  candidate !== undefined && vetoOf(asked, candidate.question) === undefined

function unsighted(near: readonly Candidate[], { secondSighting }: Terms) {
  if (!secondSighting) return undefined
  const [first, ...others] = clusterAnswers(near)
  return others.includes(first ?? 0) ? undefined : 'unsighted'
}
