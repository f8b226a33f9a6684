import type { Calibration } from '../embedding/embedder.ts'
import type { Candidate } from '../store/port.ts'
import { MAX_VOTES } from './consensus.ts'

/** Cosine of the next question like this one. */
const NEXT = 0.85
/**
 * Share of the confidence needed from which an answer may soon serve: a few more entries make up for the rest. Chosen with `NEXT` on
 * one half of Banking77 and of CLINC150: with more, hits are lost.
 */
const SOON = 0.57

/** Tells whether a confidence is so near to what is needed that a verdict may soon change what is served. */
export const isNearlySure = (confidence: number, { minConfidence }: Calibration) =>
  confidence >= SOON * minConfidence

/**
 * Returns for each cluster whether it may soon serve: whether, if a new answer joined it, the next question like this one would find it nearly
 * sure. Where neighbours have many answers, no single verdict makes a hit.
 *
 * @param clusters of the candidates, which are sorted by cosine
 */
export function prospectsOf(
  candidates: readonly Candidate[],
  clusters: readonly number[],
  calibration: Calibration,
): (cluster: number | undefined) => boolean {
  const { bandwidth, priorSimilarity } = calibration
  const weigh = (similarity: number) => Math.exp((similarity - NEXT) / bandwidth)
  const weights = new Map<number | undefined, number>()
  let all = 1 + weigh(priorSimilarity)
  for (const [at, { similarity }] of candidates.slice(0, MAX_VOTES).entries()) {
    const weight = weigh(similarity)
    all += weight
    weights.set(clusters[at], (weights.get(clusters[at]) ?? 0) + weight)
  }
  return (cluster) => isNearlySure((1 + (weights.get(cluster) ?? 0)) / all, calibration)
}
