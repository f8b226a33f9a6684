/**
 * Returns the single vector of an embedder's answer. Reads only the expected number of elements: an object can claim
 * any length.
 * @throws RangeError for another number of vectors or of elements.
 */
export function checkedVector(given: unknown, dimensions: number): Float32Array {
  if (!Array.isArray(given) || given.length !== 1) throw new RangeError('the embedder gave no vector')
  const [vector] = given as unknown[]
  if (!isSequence(vector) || vector.length !== dimensions)
    throw new RangeError(`the embedder gave no vector of ${dimensions} numbers`)
  const checked = new Float32Array(dimensions)
  for (let at = 0; at < dimensions; at += 1) {
    const value: unknown = vector[at]
    checked[at] = typeof value === 'number' ? value : Number.NaN
  }
  return checked
}

const isSequence = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
