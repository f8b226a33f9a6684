import type { Unit, Units } from './measure.ts'

/** A fleet, and what it does. Rates are per process and second. */
export type Fleet = {
  processes: number
  agents: number
  teams: number
  calls: number
  /** Share of calls answered from Redis, and from the memory of their process. */
  hits: number
  memoryHits: number
  /** Share of misses by teams with limits. */
  limited: number
  /** Seconds that an answer of upstream takes. */
  answerSeconds: number
  /** Bytes of an answer as stored. */
  answerBytes: number
  ttlSeconds: number
  /** Share of misses whose answer is stored by meaning, and bytes of such an entry. */
  semantic: number
  semanticBytes: number
  crossProcess: boolean
  /** Masters of a Redis cluster. */
  masters: number
}

/** What there is of each resource. */
export type Limits = {
  commands: number
  connections: number
  memoryBytes: number
  bytesPerMonth: number
  /** Requests a minute that Langfuse takes. */
  langfuse: number
}

export const FLEET: Fleet = {
  processes: 100,
  agents: 1_000,
  teams: 4,
  calls: 1,
  hits: 0.3,
  memoryHits: 0.05,
  limited: 1,
  answerSeconds: 2,
  answerBytes: 1_000,
  ttlSeconds: 86_400,
  semantic: 0,
  semanticBytes: 1_500,
  crossProcess: false,
  masters: 1,
}

/** Sources: docs/scale.md, "Limits". */
export const LIMITS: Limits = {
  commands: 10_000,
  connections: 10_000,
  memoryBytes: 250e6,
  bytesPerMonth: 50e9,
  langfuse: 4_000,
}

const MONTH = 30 * 86_400
/** Time between the first unreported call of a process and its report, in seconds. */
const REPORT = 0.1
/** A lease admits calls for this long after its last renewal, in seconds. */
const LEASE_FRESH = 1
const METRICS = 5
const ANNOUNCE = 60
const PING = 3
const POLL = 60
/** Seconds of ids that a process lists each second. */
const OVERLAP = 31
/** Redis' own part of a key with its expiry, in bytes, and seconds for which the record of a settled call is kept. */
const KEY_BYTES = 110
const RECORD = { bytes: 300, seconds: 900 }
const ROW_BYTES = 540
const SINK_BATCH = 100
/** A sink waits this long for more records, in seconds. */
const LINGER = 1

/** A share of a Poisson process of this rate has another event less than `seconds` before it. */
const soonAfter = (rate: number, seconds: number) => 1 - Math.exp(-rate * seconds)

/**
 * Commands of a team's limits for the calls of one process. A call that no fresh lease covers takes two. A call admitted by
 * lease is reported, at its begin and at its end where these are apart, together with all that happens within `REPORT`.
 */
export function quotaOf(missesPerSecond: number, answerSeconds: number) {
  const leased = missesPerSecond * soonAfter(missesPerSecond, LEASE_FRESH)
  const events = leased * (answerSeconds > REPORT ? 2 : 1)
  const reports = events / (1 + REPORT * events)
  return { decided: missesPerSecond - leased, leased, reports, rows: reports > 0 ? events / reports : 0 }
}

/** Interpolates between measured points, and goes on beyond the last. */
function at(points: readonly (readonly [number, Unit])[], x: number): Unit {
  let [low, high] = [points[0], points[1]]
  for (let next = 1; next < points.length; next += 1)
    if (points[next - 1] !== undefined && (points[next - 1]?.[0] ?? 0) <= x)
      [low, high] = [points[next - 1], points[next]]
  if (low === undefined) throw new Error('nothing was measured')
  if (high === undefined) return low[1]
  const part = (x - low[0]) / (high[0] - low[0])
  const between = (one: number, other: number) => Math.max(0, one + part * (other - one))
  const [from, to] = [low[1], high[1]]
  return {
    us: between(from.us, to.us),
    commands: between(from.commands, to.commands),
    received: between(from.received, to.received),
    sent: between(from.sent, to.sent),
  }
}

export type Part = {
  name: string
  perSecond: number
  commands: number
  us: number
  received: number
  sent: number
}

/** Steps of a fleet at Redis: how many a second, the commands that clients send for one, and what one costs. */
export function partsOf(fleet: Fleet, units: Units): Part[] {
  const unit = (name: string): Unit => {
    const found = units[name]
    if (found === undefined) throw new Error(`${name} was not measured`)
    return found
  }
  const points = (...pairs: [number, string][]) => pairs.map(([x, name]) => [x, unit(name)] as const)
  const { processes, teams, calls, hits, memoryHits, limited, answerBytes } = fleet
  const members = Math.max(1, Math.round(processes / teams))
  const misses = calls * (1 - hits - memoryHits)
  const quota = quotaOf(misses * limited, fleet.answerSeconds)
  const sizes = (what: string) =>
    at(points([256, `${what} 256`], [4_096, `${what} 4096`], [32_768, `${what} 32768`]), answerBytes)
  const fleets = (what: string) =>
    at(points([1, `${what} fleet1`], [100, `${what} fleet100`], [1_000, `${what} fleet1000`]), members)
  const perRow = (unit('report 10 fleet100').us - unit('report 1 fleet100').us) / 9
  const report = fleets('report 1')
  const agents = Math.min(Math.max(1, fleet.agents / processes), Math.max(1, calls * METRICS))
  const stored = misses * fleet.semantic
  const teamStores = (stored * processes) / teams
  const parts: Part[] = []
  const add = (name: string, perSecond: number, commands: number, { us, received, sent }: Unit) => {
    if (perSecond > 0) parts.push({ name, perSecond, commands, us, received, sent })
  }
  add('exact hit', calls * hits * processes, 1, sizes('hit'))
  add('miss: lookup and store', misses * processes, 2, sizes('miss'))
  add('limits: reserve and settle', quota.decided * processes, 2, fleets('reserved'))
  const rows = { ...report, us: report.us + Math.max(0, quota.rows - 1) * Math.max(0, perRow) }
  add('limits: usage report', quota.reports * processes, 1, rows)
  const announced = (processes * soonAfter(misses * limited, ANNOUNCE)) / ANNOUNCE
  add('limits: announce', announced, 0, fleets('announce'))
  const writes = (processes * soonAfter(calls, METRICS)) / METRICS
  add('live metrics', writes, 1, at(points([1, 'metrics 1'], [10, 'metrics 10']), agents))
  add('pings of channels', processes / PING, 1, unit('ping'))
  add('live policy', (processes * soonAfter(calls, POLL)) / POLL, 1, unit('ping'))
  if (stored > 0) {
    add('semantic: store', stored * processes, 4, sizes('miss'))
    const ids = Math.min(1_000, teamStores * OVERLAP)
    add(
      'semantic: what is new',
      processes,
      1,
      at(points([0, 'list 0'], [100, 'list 100'], [1_000, 'list 1000']), ids),
    )
    const read = at(points([1, 'read 1'], [100, 'read 100']), Math.max(1, teamStores))
    const bytes = fleet.semanticBytes / 1_500
    add('semantic: read new entries', processes * Math.min(1, teamStores), 1, {
      ...read,
      sent: read.sent * bytes,
    })
  }
  if (fleet.crossProcess) {
    add('across processes: lease', misses * processes, 2, unit('flight'))
    const fan = points([1, 'publish 1'], [100, 'publish 100'], [400, 'publish 400'])
    add('across processes: tell all', misses * processes, 0, at(fan, processes))
  }
  return parts
}

export type Use = { resource: string; used: number; limit: number; unit: string }

/** What a fleet uses of each resource, the fullest first. */
export function usesOf(fleet: Fleet, units: Units, limits: Limits) {
  const parts = partsOf(fleet, units)
  const sum = (of: (part: Part) => number) =>
    parts.reduce((total, part) => total + part.perSecond * of(part), 0)
  const calls = fleet.calls * fleet.processes
  const misses = calls * (1 - fleet.hits - fleet.memoryHits)
  const decided =
    quotaOf((misses / fleet.processes) * fleet.limited, fleet.answerSeconds).decided * fleet.processes
  const connections = fleet.processes * (fleet.masters > 1 ? fleet.masters + 2 : 2)
  const kept = misses * fleet.ttlSeconds * (fleet.answerBytes + KEY_BYTES)
  const records = decided * RECORD.seconds * RECORD.bytes
  const posts =
    fleet.processes * Math.max(fleet.calls / (1 + fleet.calls * LINGER), fleet.calls / SINK_BATCH) * 60
  // A team is one slot, and so at most one core; a common key cannot be told apart here.
  const cores = fleet.masters > 1 ? Math.min(fleet.masters, fleet.teams) : 1
  const uses: Use[] = [
    { resource: 'Redis, one core', used: sum(({ us }) => us) / 1e6 / cores, limit: 1, unit: 'cores' },
    { resource: 'Redis commands', used: sum(({ commands }) => commands), limit: limits.commands, unit: '/s' },
    { resource: 'Redis connections', used: connections, limit: limits.connections, unit: '' },
    { resource: 'Redis memory, one TTL', used: kept + records, limit: limits.memoryBytes, unit: 'bytes' },
    {
      resource: 'Redis traffic',
      used: sum(({ received, sent }) => received + sent) * MONTH,
      limit: limits.bytesPerMonth,
      unit: 'bytes/month',
    },
    { resource: 'Langfuse requests', used: posts, limit: limits.langfuse, unit: '/min' },
  ]
  const rows = calls * 86_400
  return {
    parts,
    uses: uses.toSorted((one, other) => other.used / other.limit - one.used / one.limit),
    postgres: { rows, bytes: rows * ROW_BYTES },
  }
}

/** Calls a second and process at which a resource is full; all else stays. */
export function breaksAt(fleet: Fleet, units: Units, limits: Limits, resource: string): number {
  const fills = (calls: number) => {
    const use = usesOf({ ...fleet, calls }, units, limits).uses.find((one) => one.resource === resource)
    return use !== undefined && use.used >= use.limit
  }
  if (!fills(1e6)) return Number.POSITIVE_INFINITY
  if (fills(0)) return 0
  let [low, high] = [0, 1e6]
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2
    if (fills(middle)) high = middle
    else low = middle
  }
  return high
}
