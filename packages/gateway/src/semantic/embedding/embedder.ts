/** Maps texts to vectors that are near each other if the texts mean nearly the same. */
export type Embedder = {
  /**
   * Names the model, its version and its dimensions. Vectors of different ids are never compared: their cosines have
   * different scales.
   */
  id: string
  dimensions: number
  /**
   * Returns one vector of length 1 per text, in order.
   * @throws RangeError for a text longer than the model reads, since texts that differ only in the unread part would
   * get equal vectors.
   */
  embed: (texts: readonly string[], signal?: AbortSignal) => Promise<Float32Array[]>
  /**
   * Thresholds for a consensus, measured on questions with known answers.
   * @default unknown: nothing is served by consensus until labels prove the error budget
   */
  calibration?: Calibration
}

/**
 * What cosines of this model mean when several entries are near. A property of the vectors and therefore of the
 * embedder: in a policy, the figures of one model would serve wrong answers after a switch to another.
 */
export type Calibration = {
  /** Minimum cosine of an answer served as nearest, unless the policy sets `threshold`. */
  minSimilarity: number
  /** Minimum confidence of a consensus, from 0 to 1. */
  minConfidence: number
  /** Minimum cosine of the nearest supporter of a consensus. */
  minConsensusSimilarity: number
  /** Kernel bandwidth: a neighbour farther than the nearest by this has 1/e of its weight. */
  bandwidth: number
  /** Similarity of the prior, one extra vote against every answer: where all neighbours are far, the prior wins. */
  priorSimilarity: number
}

/** Scales to length 1, so that a dot product is a cosine. A zero vector stays zero: it is near to no other. */
export function normalised(vector: ArrayLike<number>): Float32Array {
  const unit = Float32Array.from(vector)
  let sum = 0
  for (const value of unit) sum += value * value
  if (sum === 0 || !Number.isFinite(sum)) return unit.fill(0)
  const length = Math.sqrt(sum)
  for (let at = 0; at < unit.length; at += 1) unit[at] = (unit[at] ?? 0) / length
  return unit
}
