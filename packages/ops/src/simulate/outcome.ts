/** What became of all calls, as they went or as they would have gone. Dollars. */
export type Outcome = {
  name: string
  calls: number
  /** Answered by the exact cache, fresh or stale; by the semantic one; by an identical call under way. */
  exact: number
  semantic: number
  flight: number
  /** Answered by upstream. */
  upstream: number
  refused: Record<string, number>
  costUsd: number
  savedUsd: number
  /** Calls without a known price. */
  unpriced: number
  /** Dollars by day (YYYY-MM-DD), and by team and day. */
  days: Record<string, number>
  teamDays: Record<string, Record<string, number>>
  /** Days on which a team met its daily budget: the first refusal, in milliseconds since the epoch. */
  budgetMet: { team: string; day: string; at: number }[]
  agents: Record<string, { calls: number; hits: number; costUsd: number }>
  /** Absent where nothing was simulated. */
  redis?: { commands: number; mostInSecond: number; processes: number; peakBytes: number }
}

type Ended = {
  at: number
  team: string
  agent: string
  cache: string
  refused?: string | undefined
  costUsd?: number | undefined
  savedUsd?: number | undefined
  /** Made by the gateway for itself: it costs, and is no call. */
  isRefresh?: boolean | undefined
}

const KIND = new Map<string, 'exact' | 'semantic' | 'flight'>([
  ['exact', 'exact'],
  ['stale', 'exact'],
  ['semantic', 'semantic'],
  ['flight', 'flight'],
])
const BUDGET = 'gateway_daily_usd_exceeded'

/** Returns a record for names that others chose: even `__proto__` and `constructor` are names like any other in it. */
const record = <T>(): Record<string, T> => Object.create(null) as Record<string, T>

/** Collects outcomes. @param dayOf Returns the calendar day of a time in milliseconds, as YYYY-MM-DD. */
export function createOutcome(name: string, dayOf: (at: number) => string) {
  const outcome: Outcome = {
    name,
    calls: 0,
    exact: 0,
    semantic: 0,
    flight: 0,
    upstream: 0,
    refused: record(),
    costUsd: 0,
    savedUsd: 0,
    unpriced: 0,
    days: record(),
    teamDays: record(),
    budgetMet: [],
    agents: record(),
  }
  const met = new Set<string>()

  return {
    outcome,
    add({ at, team, agent, cache, refused, costUsd, savedUsd = 0, isRefresh = false }: Ended): void {
      const day = dayOf(at)
      if (costUsd === undefined) outcome.unpriced += 1
      const cost = costUsd ?? 0
      outcome.costUsd += cost
      outcome.savedUsd += savedUsd
      outcome.days[day] = (outcome.days[day] ?? 0) + cost
      outcome.teamDays[team] ??= record()
      const days = outcome.teamDays[team]
      days[day] = (days[day] ?? 0) + cost
      outcome.agents[agent] ??= { calls: 0, hits: 0, costUsd: 0 }
      const own = outcome.agents[agent]
      own.costUsd += cost
      if (refused === BUDGET && !met.has(`${team} ${day}`)) {
        met.add(`${team} ${day}`)
        outcome.budgetMet.push({ team, day, at })
      }
      if (isRefresh) return
      outcome.calls += 1
      own.calls += 1
      if (refused !== undefined) {
        outcome.refused[refused] = (outcome.refused[refused] ?? 0) + 1
        return
      }
      const kind = KIND.get(cache) ?? 'upstream'
      outcome[kind] += 1
      if (kind !== 'upstream') own.hits += 1
    },
  }
}

/** Share of the answered calls that needed no upstream, 0 to 1. */
export const hitRate = ({ exact, semantic, flight, upstream }: Outcome): number => {
  const hits = exact + semantic + flight
  return hits + upstream === 0 ? 0 : hits / (hits + upstream)
}

export const refusals = ({ refused }: Outcome): number =>
  Object.values(refused).reduce((sum, count) => sum + count, 0)
