/** Turns texts into points, near each other where the texts mean nearly the same. */
export type Embedder = {
  /**
   * Names the model, its version and its size. Cosines of two models, or of two sizes of one, are not comparable:
   * vectors of different ids must never meet.
   */
  id: string
  dimensions: number
  /**
   * One vector of length 1 per text, in the order of the texts.
   * @throws RangeError for a text longer than the model reads to its end: what it cannot see, it cannot tell apart.
   */
  embed: (texts: readonly string[], signal?: AbortSignal) => Promise<Float32Array[]>
  /**
   * From when those around a question are believed, as it was measured on questions with known answers.
   * @default unknown: nothing is served because several agree, until judgements have shown how often that is right
   */
  calibration?: Calibration
}

/**
 * What the cosines of one model mean where several entries are near. It stands at the embedder and not in a policy,
 * since it is a property of the vectors: a policy that moved to another model with the figures of the last one would
 * serve wrong answers without anybody having changed a figure.
 */
export type Calibration = {
  /** Cosine from which an answer serves that nobody supports, where no policy says otherwise. */
  alone: number
  /** Least confidence, from 0 to 1, with which those who agree may answer. */
  confidence: number
  /** Least cosine of the nearest of them. */
  floor: number
  /** A neighbour farther by this has 1/e of the vote. */
  spread: number
  /** As near as this stands one neighbour more, who would answer otherwise: where all are far, doubt wins. */
  doubtAt: number
}

/** To length 1, so that a dot product is a cosine. A vector of nothing stays what it is: it is near to no other. */
export function normalised(vector: ArrayLike<number>): Float32Array {
  const unit = Float32Array.from(vector)
  let sum = 0
  for (const value of unit) sum += value * value
  if (sum === 0 || !Number.isFinite(sum)) return unit.fill(0)
  const length = Math.sqrt(sum)
  for (let at = 0; at < unit.length; at += 1) unit[at] = (unit[at] ?? 0) / length
  return unit
}
