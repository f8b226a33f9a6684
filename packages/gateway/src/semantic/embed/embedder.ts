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
