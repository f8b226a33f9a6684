/** A way to choose one of each dimension. */
export type Choice = number[]

/** A small generator of numbers between 0 and 1, the same for the same seed. Source: mulberry32 by Tommy Ettinger. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Choices in which every two values of different dimensions meet at least once. */
export function pairsOf(sizes: readonly number[], seed: number): Choice[] {
  const random = randomOf(seed)
  const open = new Set<string>()
  const key = (a: number, x: number, b: number, y: number) =>
    a < b ? `${a}:${x},${b}:${y}` : `${b}:${y},${a}:${x}`
  for (const [a, size] of sizes.entries())
    for (const [b, other] of sizes.entries())
      if (a < b)
        for (let x = 0; x < size; x += 1) for (let y = 0; y < other; y += 1) open.add(key(a, x, b, y))
  const choices: Choice[] = []
  while (open.size > 0) {
    const [first = ''] = open
    const chosen: (number | undefined)[] = sizes.map(() => undefined)
    for (const part of first.split(',')) {
      const [dimension = 0, value = 0] = part.split(':').map(Number)
      chosen[dimension] = value
    }
    for (const [dimension, size] of sizes.entries()) {
      if (chosen[dimension] !== undefined) continue
      const shift = Math.floor(random() * size)
      let best = -1
      for (let count = 0; count < size; count += 1) {
        const value = (count + shift) % size
        const gain = chosen.reduce<number>(
          (sum, other, at) =>
            other !== undefined && open.has(key(dimension, value, at, other)) ? sum + 1 : sum,
          0,
        )
        if (gain <= best) continue
        best = gain
        chosen[dimension] = value
      }
    }
    const choice = chosen.map((value) => value ?? 0)
    for (const [a, x] of choice.entries())
      for (const [b, y] of choice.entries()) if (a < b) open.delete(key(a, x, b, y))
    choices.push(choice)
  }
  return choices
}

/** One of all choices there are. */
export const anyOf = (sizes: readonly number[], random: () => number): Choice =>
  sizes.map((size) => Math.floor(random() * size))
