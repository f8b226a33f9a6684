/** Turns texts into vectors whose cosine tells how alike they are. */
export type Embedder = {
  /** Model and version: part of every partition, since vectors of two models are not comparable. */
  id: string
  dimensions: number
  /** One vector for each text, of length 1. `signal` ends the wait. */
  embed: (texts: string[], signal: AbortSignal) => Promise<Float32Array[]>
}

/** Of length 1, so that a dot product is a cosine. @throws RangeError for what is no direction at all. */
export function normalised(vector: Float32Array): Float32Array {
  let sum = 0
  for (const value of vector) sum += value * value
  const length = Math.sqrt(sum)
  if (!Number.isFinite(length) || length === 0) throw new RangeError('a vector without direction')
  return vector.map((value) => value / length)
}
