export type Random = ReturnType<typeof randomFrom>

/** Seeded random numbers: the same seed gives the same day. Algorithm: Mulberry32. */
export function randomFrom(seed: number) {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const pick = <T>(list: readonly T[]): T | undefined => list[below(list.length)]
  return {
    below,
    pick,
    chance: (share: number) => next() < share,
    /** Returns small numbers far more often than large ones, like repeated questions. */
    low: (limit: number) => Math.floor(limit * next() ** 2),
    /** Returns a minute of the day within `spread` of one of these. */
    around: (minutes: readonly number[], spread: number) =>
      Math.round((pick(minutes) ?? 0) + (next() + next() - 1) * spread),
  }
}
