import type { CallRecord, Policy, Stats } from '@hotdash/llm-gateway'

const MINUTE = 60_000

/** Adds the totals of all processes. Fields that only make sense for one process are left out. */
export function together(all: Stats[]): Stats {
  const [first, ...rest] = all
  if (first === undefined) throw new Error('no process told its totals')
  return rest.reduce((sum, each) => ({ ...addUp(sum, each), cache: addUp(sum.cache, each.cache) }), first)
}

function addUp<T extends object>(a: T, b: T): T {
  const sums = Object.entries(a).map(([name, value]) => {
    const other = (b as Record<string, unknown>)[name]
    return [name, typeof value === 'number' && typeof other === 'number' ? value + other : value]
  })
  return Object.fromEntries(sums) as T
}

/** Returns each team's highest number of upstream requests in any 60 seconds, by the start of their calls. */
export function busiestMinutes(records: CallRecord[], policy: Policy) {
  return Object.entries(policy.teams ?? {}).map(([name, { rpm }]) => {
    const times = records
      .filter(({ team }) => team === name)
      .flatMap(({ startedAt: at, attempts }) => attempts.map(() => at))
      .sort((a, b) => a - b)
    const within = times.map((from) => times.filter((at) => at >= from && at < from + MINUTE).length)
    return { name, limit: rpm, most: Math.max(0, ...within) }
  })
}

export const sum = (all: Stats[], of: (stats: Stats) => number | undefined): number =>
  all.reduce((total, stats) => total + (of(stats) ?? 0), 0)
