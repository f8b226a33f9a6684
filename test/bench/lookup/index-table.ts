import { createFlatIndex } from '#src/semantic/index/flat.ts'
import type { VectorIndex } from '#src/semantic/index/port.ts'
import { quantise } from '#src/semantic/index/quantise.ts'
import { createUsearchIndex } from '#src/semantic/index/usearch.ts'
import { median, questionsOf, turned, µs } from './questions.ts'

export type Row = { what: string; cells: string[] }

/** More than this, and neither floats nor the graph are compared: they would not fit beside all else. */
const MAX_FLOATS = 150_000_000
const LATER = Number.MAX_SAFE_INTEGER
const WARM_UP = 5

const loading = createUsearchIndex()
  .load()
  .catch(() => undefined)

/** Three ways in turns, on the same questions: what disturbs one disturbs the others. */
export async function measureIndex(count: number, dims: number, rounds: number): Promise<Row> {
  const next = questionsOf(dims, count)
  const small = count * dims <= MAX_FLOATS
  const floats = small ? new Float32Array(count * dims) : undefined
  const flat = createFlatIndex(dims)
  const graph = small ? (await loading)?.(dims) : undefined
  const kept: Float32Array[] = []
  let [flatAdding, graphAdding] = [0, 0]
  for (let at = 0; at < count; at += 1) {
    const vector = next()
    floats?.set(vector, at * dims)
    if (at % Math.ceil(count / rounds) === 0) kept.push(vector)
    const quantised = quantise(vector) ?? new Int8Array(dims)
    flatAdding += timed(() => flat.add(String(at), quantised, LATER))
    graphAdding += timed(() => graph?.add(String(at), quantised, LATER))
  }
  const times = { brute: [] as number[], flat: [] as number[], graph: [] as number[] }
  let [flatRight, graphRight] = [0, 0]
  for (let round = -WARM_UP; round < rounds; round += 1) {
    // The query is a stored vector, turned: the same question in other words.
    const query = turned(kept[(round + WARM_UP) % kept.length] ?? next(), 0.3)
    let brute: number | undefined
    const bruteTime = timed(() => {
      brute = floats && bruteForce(floats, query)
    })
    const [byFlat, flatTime] = search(flat, query)
    const [byGraph, graphTime] = search(graph, query)
    if (round < 0) continue
    times.brute.push(bruteTime)
    times.flat.push(flatTime)
    times.graph.push(graphTime)
    if (byFlat === brute) flatRight += 1
    if (byGraph === brute) graphRight += 1
  }
  const of = (index: VectorIndex | undefined, list: number[], right: number, adding: number) =>
    index === undefined
      ? ['-', '-', '-', '-']
      : [
          µs(median(list)),
          small ? (right / rounds).toFixed(2) : '-',
          µs(adding / count),
          String(Math.round(index.bytes() / count)),
        ]
  return {
    what: `${count.toLocaleString('en')} x ${dims}`,
    cells: [
      small ? µs(median(times.brute)) : '-',
      ...of(flat, times.flat, flatRight, flatAdding),
      ...of(graph, times.graph, graphRight, graphAdding),
    ],
  }
}

function search(index: VectorIndex | undefined, query: Float32Array): [id: number, ms: number] {
  let id: string | undefined
  const ms = timed(() => {
    id = index?.nearest(query, 1, 0)[0]?.id
  })
  return [Number(id), ms]
}

function bruteForce(floats: Float32Array, query: Float32Array): number {
  let best = -2
  let place = -1
  for (let row = 0, at = 0; at < floats.length; row += 1) {
    let sum = 0
    for (let each = 0; each < query.length; each += 1, at += 1) sum += (floats[at] ?? 0) * (query[each] ?? 0)
    if (sum <= best) continue
    best = sum
    place = row
  }
  return place
}

function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}
