/** One thing done two ways, `bare` and with the `gateway`, in turns: what disturbs one disturbs the other. */
export type Pair = { bare: () => Promise<number>; gateway: () => Promise<number> }

export type Result = {
  bare: number
  gateway: number
  ratio: number
  added: number
  spread: [low: number, high: number]
}

const median = (values: number[]) => quantile(values, 0.5)

export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Medians in microseconds over all rounds; `spread`: the quartiles of what each round added. */
export async function compare(
  { bare, gateway }: Pair,
  rounds: number,
  calls: number,
  warmUp = calls,
): Promise<Result> {
  for (let warm = 0; warm < warmUp; warm += 1) {
    await bare()
    await gateway()
  }
  const all = { bare: [] as number[], gateway: [] as number[] }
  const added: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const mine = { bare: [] as number[], gateway: [] as number[] }
    for (let call = 0; call < calls; call += 1) {
      // Who goes first takes turns, too.
      const order = (call + round) % 2 === 0 ? (['bare', 'gateway'] as const) : (['gateway', 'bare'] as const)
      for (const side of order) mine[side].push((await (side === 'bare' ? bare : gateway)()) * 1_000)
    }
    added.push(median(mine.gateway) - median(mine.bare))
    all.bare.push(...mine.bare)
    all.gateway.push(...mine.gateway)
  }
  const [bareMedian, gatewayMedian] = [median(all.bare), median(all.gateway)]
  return {
    bare: bareMedian,
    gateway: gatewayMedian,
    ratio: gatewayMedian / bareMedian,
    added: median(added),
    spread: [quantile(added, 0.25), quantile(added, 0.75)],
  }
}

export async function timed(fn: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await fn()
  return performance.now() - start
}
