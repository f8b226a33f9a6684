import { expect, test } from 'vitest'
import { createFlatIndex } from './flat.ts'
import { createGrowingIndex } from './growing.ts'
import type { VectorIndex } from './port.ts'
import { quantise } from './quantise.ts'
import { createUsearchIndex } from './usearch.ts'

const DIMS = 64
const vector = (seed: number) => {
  let state = seed * 2_654_435_761 + 1
  return Float32Array.from({ length: DIMS }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
    return ((state ^ (state >>> 13)) | 0) / 2 ** 31
  })
}
const quantised = (of: Float32Array) => quantise(of) as Int8Array
const reworded = (seed: number) =>
  vector(seed).map((value, place) => value + 0.3 * (vector(seed + 90_000)[place] ?? 0))

const load = await createUsearchIndex()
  .load()
  .catch(() => undefined)
const graphOf = () => load?.(DIMS) as VectorIndex
const withGraph = test.skipIf(load === undefined)

withGraph(
  'the graph finds what the flat index finds, at the same cosine, and nothing removed or expired',
  () => {
    const [graph, flat] = [graphOf(), createFlatIndex(DIMS)]
    for (const index of [graph, flat]) {
      for (let at = 0; at < 2_000; at += 1) index.add(String(at), quantised(vector(at)), at < 100 ? 10 : 20)
      for (let at = 0; at < 2_000; at += 3) index.remove(String(at))
      index.add('1', quantised(vector(5_000)), 20)
    }
    let same = 0
    for (let at = 0; at < 300; at += 1) {
      const now = at < 150 ? 0 : 10
      const [found] = graph.nearest(reworded(at), 3, now)
      const [wanted] = flat.nearest(reworded(at), 3, now)
      if (found?.id !== wanted?.id) continue
      same += 1
      expect(found?.cosine).toBeCloseTo(wanted?.cosine ?? 2, 6)
    }
    expect(same).toBeGreaterThan(280)
    expect(graph.nearest(vector(5_000), 1, 10)[0]?.id).toBe('1')
    expect(graph.nearest(vector(3).fill(0), 1, 0)).toEqual([])
    expect(graph.nearest(vector(3).fill(Number.NaN), 1, 0)).toEqual([])
    expect(() => graph.add('x', new Int8Array(3), 1)).toThrow(RangeError)
    graph.clear()
    expect(graph.nearest(vector(1), 1, 0)).toEqual([])
  },
)

withGraph('a crowd of expired entries hides none that has not, and gives its room back', () => {
  const graph = graphOf()
  for (let at = 0; at < 5_000; at += 1) graph.add(`old ${at}`, quantised(vector(at)), 10)
  graph.add('new', quantised(reworded(7)), 20)
  expect(graph.nearest(vector(7), 1, 9)[0]?.id).toBe('old 7')
  expect(graph.nearest(vector(7), 5, 10).map(({ id }) => id)).toEqual(['new'])
  expect(graph.size()).toBe(1)
})

withGraph('the graph does not wear out: after all entries were replaced ten times it finds as before', () => {
  const graph = graphOf()
  const [count, rounds] = [1_500, 10]
  for (let at = 0; at < count * rounds; at += 1) {
    graph.add(`entry ${at}`, quantised(vector(at)), 20)
    if (at >= count) graph.remove(`entry ${at - count}`)
  }
  const first = count * (rounds - 1)
  let right = 0
  for (let at = first; at < first + 300; at += 1)
    if (graph.nearest(reworded(at), 1, 0)[0]?.id === `entry ${at}`) right += 1
  expect(right).toBeGreaterThan(285)
  expect(graph.size()).toBe(count)
  expect(graph.bytes()).toBeLessThan(count * 2 * (DIMS * 2 + 400))
})

withGraph(
  'an index that has grown moves into the graph, and misses nothing that happens meanwhile',
  async () => {
    const index = createGrowingIndex(DIMS, createUsearchIndex({ from: 3_000 }), (error) => {
      throw error
    })
    const flatBytes = () => createFlatIndex(DIMS).bytes()
    for (let at = 0; at < 3_000; at += 1) index.add(String(at), quantised(vector(at)), 20)
    let more = 3_000
    let movedAt = Number.POSITIVE_INFINITY
    let bytes = index.bytes()
    // Until two indices have become one, and after that until each entry has been replaced.
    for (; more < Math.min(20_000, movedAt + 3_000); more += 1) {
      index.add(String(more), quantised(vector(more)), 20)
      index.remove(String(more - 3_000))
      expect(index.nearest(vector(more), 1, 0)[0]?.id).toBe(String(more))
      if (index.bytes() < bytes / 1.4) movedAt = more
      bytes = index.bytes()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(movedAt).toBeLessThan(20_000)
    expect(index.size()).toBe(3_000)
    expect(index.has(String(more - 1))).toBe(true)
    expect(index.nearest(vector(0), 1, 0)[0]?.cosine).toBeLessThan(0.99)
    expect(index.bytes()).toBeGreaterThan(flatBytes())
    index.clear()
    expect(index.size()).toBe(0)
  },
)

test('if the graph cannot be loaded, the flat index stays and reports it once', async () => {
  const troubles: unknown[] = []
  const broken = {
    type: 'graph' as const,
    name: 'x',
    from: 10,
    load: () => Promise.reject(new Error('not here')),
  }
  const index = createGrowingIndex(DIMS, broken, (error) => troubles.push(error))
  for (let at = 0; at < 30; at += 1) {
    index.add(String(at), quantised(vector(at)), 20)
    await Promise.resolve()
  }
  expect(troubles).toEqual([new Error('not here')])
  expect(index.nearest(vector(3), 1, 0)[0]?.id).toBe('3')
})
