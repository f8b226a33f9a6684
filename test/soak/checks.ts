import type { Sample } from './agent.ts'
import type { Receiver } from './receivers.ts'
import type { Limits } from './teams.ts'
import type { Books } from './upstream.ts'

/** Everything of a moment. `seconds`: since the start. */
export type Moment = {
  seconds: number
  agents: Sample[]
  calls: number
  records: number
  received: Record<Receiver | 'own', number>
  books: Record<string, Books>
  redisMb: number
  redisKeys: number
}

export type Check = { name: string; holds: boolean | undefined; seen: string }

export type Outcome = {
  minutes: number
  limits: Limits
  moments: Moment[]
  /** Records of which each receiver has none. */
  missing: Record<Receiver | 'own', number>
  records: number
  calls: number
  /** Calls by how they were answered. */
  ways: Record<string, number>
  /** Calls by how they ended. */
  outcomes: Record<string, number>
  /** Calls without a record that their callers have left. */
  unrecordedLeft: number
  flushed: boolean
  malformed: string[]
}

/** Minutes from which growth can be told from the filling of caches. */
const JUDGED_FROM = 5

const TOOK_PART = ['exact', 'semantic', 'flight', 'miss']
const MET = ['gateway_daily_usd_exceeded']

/** Tells what a run promises, and whether it held. `undefined`: the run was too short to tell. */
export function checksOf(outcome: Outcome): Check[] {
  const { limits, moments, missing, records, calls, ways, outcomes, flushed, malformed } = outcome
  const last = moments.at(-1)
  const lost = last?.agents.reduce((sum, { dropped, rejected }) => sum + dropped + rejected, 0) ?? -1
  const faults = last?.agents.reduce((sum, each) => sum + each.faults, 0) ?? -1
  const { money, rate } = last?.books ?? {}
  const spent = (money?.nanoUsd ?? 0) / 1e9
  return [
    {
      name: 'caches, shared flights and limits took part',
      holds: TOOK_PART.every((way) => (ways[way] ?? 0) > 0) && MET.every((code) => (outcomes[code] ?? 0) > 0),
      seen: [...TOOK_PART, ...MET].map((name) => `${name} ${ways[name] ?? outcomes[name] ?? 0}`).join(', '),
    },
    {
      name: 'a record for each call',
      // What a caller leaves before the client has sent it has no record.
      holds: records >= calls - outcome.unrecordedLeft,
      seen: `${records} records, ${calls} calls, of which ${outcome.unrecordedLeft} were left before they were sent`,
    },
    ...Object.entries(missing).map(([receiver, count]) => ({
      name: `no record is missing at ${receiver}`,
      holds: count === 0,
      seen: `${count} of ${records} are missing`,
    })),
    { name: 'no record was dropped or rejected', holds: lost === 0, seen: `${lost} were` },
    { name: 'flush and close deliver all', holds: flushed, seen: flushed ? 'they did' : 'they did not' },
    {
      name: 'what Langfuse got is well-formed',
      holds: malformed.length === 0,
      seen: malformed.join('; ') || 'it is',
    },
    {
      name: 'dollars billed by upstream stay within usdPerDay',
      holds: spent <= limits.usdPerDay,
      seen: `$${spent.toFixed(6)} of $${limits.usdPerDay}`,
    },
    {
      name: 'requests of any 57 s stay within rpm',
      holds: (rate?.mostRequests ?? 0) <= limits.rpm,
      seen: `${rate?.mostRequests ?? 0} of ${limits.rpm}`,
    },
    {
      name: 'tokens of any 57 s stay within tpm',
      holds: (rate?.mostTokens ?? 0) <= limits.tpm,
      seen: `${rate?.mostTokens ?? 0} of ${limits.tpm}`,
    },
    { name: 'no fault of the gateway', holds: faults === 0, seen: `${faults}` },
    ...growthChecks(outcome),
  ]
}

function growthChecks({ minutes, moments }: Outcome): Check[] {
  const load = moments.filter(({ agents }) => agents.length > 0).slice(0, -2)
  const flat = (
    name: string,
    unit: string,
    of: (moment: Moment) => number,
    most: (before: number) => number,
  ) => {
    const before = median(load.slice(load.length / 4, load.length / 2).map(of))
    const after = median(load.slice((load.length * 3) / 4).map(of))
    return {
      name: `${name} is flat`,
      holds: minutes < JUDGED_FROM ? undefined : after <= most(before),
      seen: `${before.toFixed(1)} ${unit} in the second quarter, ${after.toFixed(1)} in the last`,
    }
  }
  const sum = (field: keyof Sample) => (moment: Moment) =>
    moment.agents.reduce((all, sample) => all + sample[field], 0)
  return [
    flat('heap of the agents', 'MB', sum('heapMb'), (before) => before * 1.15 + 5),
    flat('memory of the agents', 'MB', sum('rssMb'), (before) => before * 1.15 + 20),
    flat('number of handles', 'handles', sum('handles'), (before) => before * 1.3 + 10),
    flat('number of open files', 'files', sum('files'), (before) => before * 1.3 + 10),
    flat(
      'memory of Redis',
      'MB',
      ({ redisMb }) => redisMb,
      (before) => before * 1.15 + 2,
    ),
  ]
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
