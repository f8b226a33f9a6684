import { ENTRY_BYTES, type FlatIndex, type IndexHit } from './port.ts'
import { lengthOf, normalised, signs } from './quantise.ts'
import { createShortlist, type Shortlist } from './shortlist.ts'

/** Rows allocated together: growing copies at most these. */
const SLAB = 1_024

/**
 * Size of the shortlist whose cosines are computed. Measured on clustered vectors: it nearly always contains the
 * nearest; at 256 dimensions it costs 0.05 ms. With more dimensions the bits are more precise and cosines cost more.
 */
const listSize = (dims: number) => Math.max(96, Math.min(256, Math.ceil(200_000 / dims)))

/**
 * Creates an index of flat tables, which deletions do not degrade: sign bits select a shortlist of `size`, and cosines
 * decide.
 */
export function createFlatIndex(dims: number, size = listSize(dims)): FlatIndex {
  const rows = new Map<string, number>()
  let ids: string[] = []
  let expiries: number[] = []
  let lengths: number[] = []
  let slabs: Int8Array[] = []
  /** Absent until the first row: partitions are many, and most may stay empty. */
  let list: Shortlist | undefined

  function slabFor(row: number): Int8Array {
    const at = Math.floor(row / SLAB)
    const slab = slabs[at]
    if (slab !== undefined && ((row % SLAB) + 1) * dims <= slab.length) return slab
    const wanted = at > 0 ? SLAB : Math.min(SLAB, Math.max(4, row * 2))
    const larger = new Int8Array(wanted * dims)
    if (slab !== undefined) larger.set(slab)
    slabs[at] = larger
    return larger
  }

  function write(row: number, id: string, vector: Int8Array, expires: number) {
    slabFor(row).set(vector, (row % SLAB) * dims)
    list ??= createShortlist(dims, size)
    if ((row + 1) * list.rowWords > list.bits().length)
      list.reserve(row < SLAB ? Math.min(SLAB, Math.max(4, row * 2)) : row + SLAB)
    signs(vector, list.bits(), row * list.rowWords)
    ids[row] = id
    expiries[row] = expires
    lengths[row] = lengthOf(vector)
    rows.set(id, row)
  }

  function vectorAt(row: number): Int8Array {
    const from = (row % SLAB) * dims
    return slabs[Math.floor(row / SLAB)]?.subarray(from, from + dims) ?? new Int8Array(dims)
  }

  /** Moves the last row to the freed place. */
  function remove(id: string): boolean {
    const row = rows.get(id)
    if (row === undefined) return false
    const last = ids.length - 1
    rows.delete(id)
    if (row !== last) write(row, ids[last] ?? '', vectorAt(last), expiries[last] ?? 0)
    ids.pop()
    expiries.pop()
    lengths.pop()
    slabs.length = Math.min(slabs.length, Math.ceil(last / SLAB) + 1)
    return true
  }

  /** Iterates backwards, so that a row moved to a freed place was checked before. */
  function dropExpired(now: number) {
    for (let row = ids.length - 1; row >= 0; row -= 1) if ((expiries[row] ?? 0) <= now) remove(ids[row] ?? '')
  }

  function cosine(query: Float32Array, row: number): number {
    const slab = slabs[Math.floor(row / SLAB)] ?? new Int8Array(0)
    const from = (row % SLAB) * dims
    let sum = 0
    for (let at = 0; at < dims; at += 1) sum += (query[at] ?? 0) * (slab[from + at] ?? 0)
    return sum / (lengths[row] ?? 1)
  }

  function nearest(query: Float32Array, k: number, now: number): IndexHit[] {
    const unit = query.length === dims ? normalised(query) : undefined
    if (unit === undefined || list === undefined) return []
    const likely = list.pick(ids.length, (words, at) => signs(unit, words, at))
    const best: IndexHit[] = []
    for (const row of likely) {
      // Expired rows may have displaced others from the shortlist.
      if ((expiries[row] ?? 0) <= now) {
        dropExpired(now)
        return nearest(query, k, now)
      }
      const found = cosine(unit, row)
      if (best.length === k && found <= (best[k - 1]?.cosine ?? 1)) continue
      let place = best.length
      while (place > 0 && (best[place - 1]?.cosine ?? 1) < found) place -= 1
      best.splice(place, 0, { id: ids[row] ?? '', cosine: found })
      best.length = Math.min(best.length, k)
    }
    return best
  }

  return {
    add(id, vector, expires) {
      if (vector.length !== dims) throw new RangeError(`a vector of ${vector.length} among those of ${dims}`)
      const row = rows.get(id) ?? ids.length
      // A replaced entry counts as new.
      rows.delete(id)
      write(row, id, vector, expires)
    },
    has: (id) => rows.has(id),
    oldest: () => rows.keys().next().value,
    renew(id) {
      const row = rows.get(id)
      if (row === undefined) return
      rows.delete(id)
      rows.set(id, row)
    },
    ids: () => rows.keys(),
    get(id) {
      const row = rows.get(id)
      return row === undefined ? undefined : { vector: vectorAt(row), expires: expiries[row] ?? 0 }
    },
    remove,
    nearest,
    size: () => ids.length,
    bytes: () =>
      slabs.reduce((sum, slab) => sum + slab.length, 0) + (list?.bytes() ?? 0) + ids.length * ENTRY_BYTES,
    clear() {
      rows.clear()
      ids = []
      expiries = []
      lengths = []
      slabs = []
      list = undefined
    },
  }
}
