import { type Scan, scanOver } from './popcount.ts'

/** Rows between two trims of the result. Partitions are many, and few are large. */
const [SMALL_BLOCK, LARGE_BLOCK] = [256, 4_096]
/** Rows from which WebAssembly is faster; below, a WebAssembly memory per partition would cost more than it saves. */
const NATIVE_ROWS = 2_048
const PAGE_BYTES = 65_536

export type Shortlist = {
  /** Sign bits of all rows, `rowWords` words each. `reserve` may replace the array. */
  bits: () => Uint32Array
  rowWords: number
  reserve: (rows: number) => void
  /** Returns about `size` rows with the smallest Hamming distance, in no order. Valid until the next call. */
  pick: (rows: number, write: (words: Uint32Array, at: number) => void) => Uint32Array
  bytes: () => number
}

/** Results are pairs: row number, distance. */
export function createShortlist(dims: number, size: number): Shortlist {
  const rowBytes = Math.ceil(dims / 256) * 32
  const rowWords = rowBytes / 4
  // Layout: query, results, rows.
  const foundAt = rowWords
  let block = SMALL_BLOCK
  let bitsAt = foundAt + (size + block) * 2
  const histogram = new Uint32Array(rowBytes * 8 + 1)
  const picked = new Uint32Array(size)
  let memory: WebAssembly.Memory | undefined
  let native: Scan | undefined
  let words: Uint32Array = new Uint32Array(bitsAt)

  const wordsFor = (rows: number) => bitsAt + rows * rowWords

  function reserve(rows: number) {
    if (wordsFor(rows) <= words.length) return
    if (native === undefined && rows > NATIVE_ROWS && switchToNative(rows)) return
    if (memory === undefined) {
      const smaller = words
      words = new Uint32Array(wordsFor(rows))
      words.set(smaller)
    } else {
      memory.grow(Math.ceil((wordsFor(rows) * 4 - memory.buffer.byteLength) / PAGE_BYTES))
      words = new Uint32Array(memory.buffer)
    }
  }

  /** Returns `false` without WebAssembly: then JavaScript scans, more slowly. */
  function switchToNative(rows: number): boolean {
    const largerAt = foundAt + (size + LARGE_BLOCK) * 2
    const fresh = memoryOf(Math.ceil(((largerAt + rows * rowWords) * 4) / PAGE_BYTES))
    native = fresh && scanOver(fresh)
    if (fresh === undefined || native === undefined) return false
    const bits = words.subarray(bitsAt)
    memory = fresh
    words = new Uint32Array(fresh.buffer)
    words.set(bits, largerAt)
    bitsAt = largerAt
    block = LARGE_BLOCK
    return true
  }

  /** Does in JavaScript what `scan` does. */
  function scanInJs(row: number, count: number, limit: number, kept: number): number {
    let found = foundAt + kept * 2
    for (let end = row + count; row < end; row += 1) {
      const from = bitsAt + row * rowWords
      let distance = 0
      for (let at = 0; at < rowWords; at += 1) distance += bitsIn((words[from + at] ?? 0) ^ (words[at] ?? 0))
      if (distance > limit) continue
      words[found] = row
      words[found + 1] = distance
      found += 2
    }
    return (found - foundAt) / 2
  }

  function scan(row: number, count: number, limit: number, kept: number): number {
    if (native === undefined) return scanInJs(row, count, limit, kept)
    const from = (bitsAt + row * rowWords) * 4
    return (native(from, 0, count, rowBytes, limit, (foundAt + kept * 2) * 4, row) - foundAt * 4) / 8
  }

  /** Keeps the `size` nearest, and returns the largest distance kept. */
  function trim(count: number): number {
    histogram.fill(0)
    for (let at = 0; at < count; at += 1) {
      const distance = words[foundAt + at * 2 + 1] ?? 0
      histogram[distance] = (histogram[distance] ?? 0) + 1
    }
    let furthest = 0
    let remaining = size
    while (remaining > (histogram[furthest] ?? 0)) {
      remaining -= histogram[furthest] ?? 0
      furthest += 1
    }
    let to = foundAt
    for (let from = foundAt; from < foundAt + count * 2; from += 2) {
      const distance = words[from + 1] ?? 0
      if (distance > furthest || (distance === furthest && remaining-- <= 0)) continue
      words[to] = words[from] ?? 0
      words[to + 1] = distance
      to += 2
    }
    return furthest
  }

  return {
    bits: () => words.subarray(bitsAt),
    rowWords,
    reserve,
    pick(rows, write) {
      write(words, 0)
      let limit = rowBytes * 8
      let kept = 0
      for (let row = 0; row < rows; row += block) {
        kept = scan(row, Math.min(block, rows - row), limit, kept)
        if (kept <= size) continue
        const furthest = trim(kept)
        kept = size
        if (furthest === 0) break
        // A row as far as the last one kept is not kept.
        limit = furthest - 1
      }
      for (let at = 0; at < kept; at += 1) picked[at] = words[foundAt + at * 2] ?? 0
      return picked.subarray(0, kept)
    },
    bytes: () => words.byteLength,
  }
}

/** Returns `undefined` if the memory cannot be reserved. */
function memoryOf(pages: number): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: pages })
  } catch {
    return undefined
  }
}

function bitsIn(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
