import { normalised } from '#src/semantic/index/quantise.ts'

let state = 1
/** The same in every run. */
export function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** Quick, and near enough to a direction at random. */
const aside = (dims: number) => Float32Array.from({ length: dims }, () => random() + random() - 1)

export const turned = (from: Float32Array, by: number): Float32Array => {
  const other = normalised(aside(from.length)) ?? from
  return normalised(from.map((value, at) => value + by * (other[at] ?? 0))) ?? from
}

/** Questions of some topics, all leaning one way, as embeddings do. */
export function questionsOf(dims: number, count: number): () => Float32Array {
  const common = normalised(aside(dims)) ?? aside(dims)
  const topics = Array.from({ length: Math.max(20, count / 500) }, () => turned(common, 1.5))
  return () => turned(topics[Math.floor(random() * topics.length)] ?? common, 0.9)
}

export const median = (times: number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN

export const µs = (ms: number): string => (ms * 1_000).toFixed(ms < 0.1 ? 1 : 0)
