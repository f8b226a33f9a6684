import { createHash } from 'node:crypto'
import { runs, SEED } from '../runs.ts'
import { thrown } from './thrown.ts'

/** One throw: at the nth time that a point is passed, of the kind `thrown[kind]`. */
export type Passage = { point: string; nth: number; kind: number }

type Chosen = { sample?: number; about?: RegExp; always?: RegExp }

/**
 * Passages to try, of points and how often each is passed. Without `sample` one of each point; with it as many as it
 * says in CI, drawn by `FUZZ_SEED`, those about something four times as likely, beside those that are tried always.
 */
export function passagesOf(points: ReadonlyMap<string, number>, chosen: Chosen): Passage[] {
  const { sample = points.size, about = /^$/, always = /^$/ } = chosen
  const named = [...points.keys()].filter((point) => always.test(point))
  const ranked = [...points]
    .map(([point, times]) => ({ point, times, rank: rankOf(point) / (about.test(point) ? 4 : 1) }))
    .sort((one, other) => one.rank - other.rank)
  const first = ranked.map(({ point, times }, at) => ({ point, nth: at % 2 === 0 ? 1 : times }))
  const more = ranked.flatMap(({ point, times }) =>
    [...new Set([1, 2, 3, Math.ceil(times / 2), times])].map((nth) => ({ point, nth })),
  )
  const all = [...first, ...more]
  const drawn = Array.from({ length: runs(sample) }, (_, at) => ({
    ...(all[at % all.length] as { point: string; nth: number }),
    kind: (at + Math.floor(at / all.length)) % thrown.length,
  }))
  return [...named.map((point) => ({ point, nth: 1, kind: 0 })), ...drawn]
}

/** Between 0 and 1, of the point and the seed. */
const rankOf = (point: string): number =>
  createHash('sha256').update(`${SEED} ${point}`).digest().readUInt32LE() / 2 ** 32

export function faultAt({ point, nth, kind }: Passage) {
  let left = nth
  return (passing: string) => {
    if (passing !== point) return
    left -= 1
    if (left === 0) throw thrown[kind]?.()
  }
}
