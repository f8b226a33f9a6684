/**
 * The one vector of an embedder's answer. No more of it is read than the vector should have: an object can claim to be of
 * any length.
 * @throws RangeError for another number of vectors, or of numbers.
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
