import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import { createFlatIndex } from './flat.ts'
import { scanOver } from './popcount.ts'
import type { IndexHit } from './port.ts'
import { normalised, quantise } from './quantise.ts'
import { createShortlist } from './shortlist.ts'

/** Of numbers that are the same in every run. */
function numbers(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Near enough to a normal distribution, and quick. */
const bell = (random: () => number) => random() + random() + random() + random() - 2

function direction(dims: number, random: () => number): Float32Array {
  return normalised(Float32Array.from({ length: dims }, () => bell(random))) as Float32Array
}

/** Another one, further away the more there is of `spread`. */
function near(to: Float32Array, spread: number, random: () => number): Float32Array {
  const aside = direction(to.length, random)
  return normalised(to.map((value, at) => value + spread * (aside[at] ?? 0))) as Float32Array
}

const quantised = (vector: Float32Array) => quantise(vector) as Int8Array
const LATER = Number.MAX_SAFE_INTEGER

function cosine(unit: Float32Array, values: Int8Array): number {
  let [sum, square] = [0, 0]
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? 0
    sum += (unit[at] ?? 0) * value
    square += value * value
  }
  return sum / Math.sqrt(square)
}

/** By looking at every one of them. */
function exact(vectors: Map<string, Int8Array>, query: Float32Array, k: number): IndexHit[] {
  let best: IndexHit[] = []
  for (const [id, values] of vectors) {
    const found = { id, cosine: cosine(query, values) }
    if (best.length < k || found.cosine > (best[k - 1]?.cosine ?? 1))
      best = [...best, found].toSorted((a, b) => b.cosine - a.cosine).slice(0, k)
  }
  return best
}

test.each([
  ['topics, questions and their paraphrases', 256, 8_000],
  ['more dimensions', 1_024, 2_000],
])('of clustered vectors, %s, the nearest is found in at least 998 of 1000 searches', (_, dims, count) => {
  const random = numbers(7)
  const common = direction(dims, random)
  // As with embeddings: everything leans one way, topics are apart, questions of a topic less so.
  const topics = Array.from({ length: 40 }, () => near(common, 1.5, random))
  const questions = Array.from({ length: count / 4 }, (_, at) => near(topics[at % 40] ?? common, 0.9, random))
  const index = createFlatIndex(dims)
  const vectors = new Map<string, Int8Array>()
  for (let at = 0; at < count; at += 1) {
    const vector = quantised(near(questions[at % questions.length] ?? common, 0.35, random))
    vectors.set(String(at), vector)
    index.add(String(at), vector, LATER)
  }
  const searches = runs(500)
  let right = 0
  for (let search = 0; search < searches; search += 1) {
    const query = near(questions[(search * 37) % questions.length] ?? common, 0.35, random)
    const [found] = index.nearest(query, 1, 0)
    const [best] = exact(vectors, query, 1)
    if (found?.id === best?.id) right += 1
  }
  expect(right / searches).toBeGreaterThanOrEqual(0.998)
})

type Step =
  | { type: 'add'; id: string; seed: number; expires: number }
  | { type: 'remove'; id: string }
  | { type: 'look'; seed: number; now: number }

const id = fc.integer({ min: 0, max: 60 }).map(String)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('add'),
      id,
      seed: fc.nat(),
      expires: fc.integer({ min: 1, max: 10 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove'), id }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('look'), seed: fc.nat(), now: fc.integer({ min: 0, max: 10 }) }),
  },
) as fc.Arbitrary<Step>

test('with a shortlist of all rows, results equal brute force after any adds, removals and expiries', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(3, 31, 32, 40, 256, 300),
      fc.array(step, { maxLength: 150 }),
      (dims, steps) => {
        const index = createFlatIndex(dims, 64)
        const vectors = new Map<string, Int8Array>()
        const expiries = new Map<string, number>()
        let clock = 0
        for (const it of steps) {
          if (it.type === 'add') {
            const vector = quantised(direction(dims, numbers(it.seed)))
            index.add(it.id, vector, it.expires)
            vectors.set(it.id, vector)
            expiries.set(it.id, it.expires)
          } else if (it.type === 'remove') {
            // What has expired may have gone by itself.
            const alive = (expiries.get(it.id) ?? 0) > clock
            expect(index.remove(it.id) || !alive).toBe(true)
            vectors.delete(it.id)
            expiries.delete(it.id)
          } else {
            clock = Math.max(clock, it.now)
            for (const [old, expires] of expiries) if (expires <= clock) vectors.delete(old)
            const query = direction(dims, numbers(it.seed))
            const found = index.nearest(query, 3, clock)
            const wanted = exact(vectors, query, 3)
            expect(found).toHaveLength(wanted.length)
            for (const [at, { cosine }] of found.entries())
              expect(cosine).toBeCloseTo(wanted[at]?.cosine ?? 2, 5)
            for (const each of found) expect(vectors.has(each.id)).toBe(true)
          }
        }
        expect(index.size()).toBeGreaterThanOrEqual(vectors.size)
      },
    ),
    { numRuns: runs(150) },
  )
})

test('the same rows are selected with and without WebAssembly', () => {
  const random = numbers(3)
  const dims = 300
  const vectors = Array.from({ length: 9_000 }, () => direction(dims, random))
  const pick = () => {
    const list = createShortlist(dims, 50)
    for (const [row, vector] of vectors.entries()) {
      list.reserve(row + 1)
      signsInto(list.bits(), row * list.rowWords, vector)
    }
    return (query: Float32Array) => [...list.pick(vectors.length, (words, at) => signsInto(words, at, query))]
  }
  const native = pick()
  const { WebAssembly: real } = globalThis
  Object.assign(globalThis, { WebAssembly: undefined })
  const plain = pick()
  Object.assign(globalThis, { WebAssembly: real })
  for (let search = 0; search < 20; search += 1) {
    const query = direction(dims, random)
    expect(native(query)).toEqual(plain(query))
  }
  expect(scanOver(new WebAssembly.Memory({ initial: 1 }))).toBeDefined()
})

function signsInto(words: Uint32Array, at: number, vector: Float32Array) {
  for (const [place, value] of vector.entries())
    if (value > 0) words[at + (place >> 5)] = (words[at + (place >> 5)] ?? 0) | (1 << (place & 31))
    else words[at + (place >> 5)] = (words[at + (place >> 5)] ?? 0) & ~(1 << (place & 31))
}

test('many expired entries hide no unexpired one', () => {
  const random = numbers(5)
  const index = createFlatIndex(32, 8)
  const query = direction(32, random)
  for (let at = 0; at < 500; at += 1) index.add(`old ${at}`, quantised(near(query, 0.1, random)), 10)
  index.add('new', quantised(near(query, 1, random)), 20)
  expect(index.nearest(query, 1, 9)[0]?.id).toContain('old')
  expect(index.nearest(query, 5, 10).map((found) => found.id)).toEqual(['new'])
  expect(index.size()).toBe(1)
})

test('a zero query finds nothing, and a zero vector cannot be quantised', () => {
  const index = createFlatIndex(4)
  index.add('a', quantised(Float32Array.of(1, 0, 0, 0)), LATER)
  for (const query of [
    [0, 0, 0, 0],
    [Number.NaN, 1, 1, 1],
    [Number.POSITIVE_INFINITY, 0, 0, 0],
    [1, 1],
  ])
    expect(index.nearest(Float32Array.from(query), 1, 0)).toEqual([])
  expect(quantise([0, 0])).toBeUndefined()
  expect(quantise([1, Number.NaN])).toBeUndefined()
  expect(quantise([1, Number.POSITIVE_INFINITY])).toBeUndefined()
  expect(() => index.add('b', new Int8Array(5), LATER)).toThrow(RangeError)
})

test('quantised, a vector keeps its direction', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(64, 256, 1_536), (seed, dims) => {
      const vector = direction(dims, numbers(seed))
      expect(cosine(vector, quantised(vector))).toBeGreaterThan(0.9998)
    }),
    { numRuns: runs(100) },
  )
})

test('removed entries free their memory, except for their bits', () => {
  const random = numbers(11)
  const index = createFlatIndex(256)
  for (let at = 0; at < 5_000; at += 1) index.add(String(at), quantised(direction(256, random)), LATER)
  const full = index.bytes()
  expect(full / 5_000).toBeLessThan(520)
  for (let at = 0; at < 4_990; at += 1) index.remove(String(at))
  expect(index.bytes()).toBeLessThan(full / 3)
  index.clear()
  expect(index.bytes()).toBeLessThan(100_000)
  expect(index.nearest(direction(256, random), 1, 0)).toEqual([])
})
