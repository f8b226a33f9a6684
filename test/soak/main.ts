// Runs agents for a long time with all stages and sinks on, while each dependency fails at random: `npm run soak -- --help`.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { startFront } from '../redis/front.ts'
import { ensureRedis } from '../redis/server.ts'
import type { AgentOrder, AgentReport } from './agent.ts'
import { startChaos, startDurableRedis } from './chaos.ts'
import { checksOf, type Moment, type Outcome } from './checks.ts'
import { type Peer, startPeer } from './processes.ts'
import { writeReport } from './report.ts'
import { limitsOf, policyOf } from './teams.ts'
import type { WorldOrder, WorldReport } from './world.ts'

const AGENTS = 2
/** Milliseconds between the end of the last fault and the end of the calls. */
const WELL_MS = 5_000
/** Key of the rows that wait in Redis. */
const SPILLED = 'gw:{usage}:spill'
/** Milliseconds in which rows in Redis must be delivered once all dependencies are well. */
const SPILLED_MS = 90_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '3000' },
    left: { type: 'string', default: '0.03' },
    out: { type: 'string', default: '.soak' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Runs two agents with all stages and sinks on, while each dependency fails at random.

  npm run soak -- [--minutes 60] [--rate 3000] [--left 0.03] [--out .soak]

  --rate  calls a minute
  --left  share of calls that their caller aborts
  --out   folder of the report, a page with plots

Ends with 1 if a record is lost, a limit is passed, or memory, handles or Redis grow.`)
  process.exit(0)
}
const minutes = Number(values.minutes)
const callsPerMinute = Number(values.rate)
const limits = limitsOf(callsPerMinute, minutes)
/** What Redis said last of itself. */
let redisBefore = { memory: 0, keys: 0 }
const startedAt = new Date()
const start = performance.now()

ensureRedis()
const redis = await startDurableRedis()
const front = await startFront(redis.port)
const world = startPeer<WorldOrder, WorldReport>('world.ts')
const { baseURL, places } = await world.next('ready')

const ids = new Set<string>()
const own = new Set<string>()
const outcomes = new Map<number, Record<string, number>>()
const ways = new Map<number, Record<string, number>>()
const latest = new Map<number, Extract<AgentReport, { type: 'sample' }>['sample']>()

const agents = Array.from(
  { length: AGENTS },
  (_, at): Peer<AgentOrder, AgentReport> =>
    startPeer('agent.ts', (report: AgentReport) => {
      if (report.type !== 'sample') return
      for (const id of report.ids) ids.add(id)
      for (const id of report.own) own.add(id)
      outcomes.set(at, report.outcomes)
      ways.set(at, report.ways)
      latest.set(at, report.sample)
    }),
)
const gateway = (at: number): GatewayOptions => ({
  policy: policyOf(limits),
  redis: front.url,
  metrics: { flushSeconds: 2 },
  langfuse: places.langfuse,
  otel: places.otel,
  // One of them only spills rows to Redis; the other writes these, too.
  supabase: at === 1 ? { via: 'redis' } : places.supabase,
})
for (const [at, agent] of agents.entries())
  agent.send({
    type: 'start',
    baseURL,
    gateway: gateway(at),
    callsPerMinute: callsPerMinute / AGENTS,
    left: Number(values.left),
  })

const moments: Moment[] = []
const chaos = startChaos({ world, agents, redis, cut: () => front.switchTo(redis.port) })
const everyMs = Math.max(2_000, Math.min(15_000, (minutes * 60_000) / 100))
while (performance.now() - start < minutes * 60_000) {
  await sleep(everyMs)
  const sampled = agents.map((agent) => agent.next('sample'))
  for (const agent of agents) agent.send({ type: 'sample' })
  await Promise.all(sampled)
  moments.push(await momentNow())
}
await chaos.stop()
// `close()` gives up on a sink that counts as down: each process has to see first that all is well again.
await sleep(WELL_MS)

// The last one only spills rows to Redis: it ends before the one that delivers them, which waits longer and longer
// after a failure.
const ends: Extract<AgentReport, { type: 'stopped' }>[] = []
for (const agent of agents.toReversed()) {
  const until = performance.now() + SPILLED_MS
  while (agent === agents[0] && (await redis.admin.xlen(SPILLED)) > 0 && performance.now() < until)
    await sleep(500)
  const stopped = agent.next('stopped')
  agent.send({ type: 'stop' })
  ends.push(await stopped)
}
const told = world.next('ids')
moments.push(await momentNow())
world.send({ type: 'ids' })
const { ids: received, books, malformed } = await told
const last = moments.at(-1)
if (last !== undefined) last.books = books

const outcome: Outcome = {
  minutes,
  limits,
  moments,
  missing: {
    langfuse: countMissing(received.langfuse),
    supabase: countMissing(received.supabase),
    otel: countMissing(received.otel),
    own: countMissing(own),
  },
  records: ids.size,
  calls: totals([...outcomes.values()]).sum,
  ways: totals([...ways.values()]).counts,
  outcomes: totals([...outcomes.values()]).counts,
  unrecordedLeft: ends
    .flatMap(({ unrecorded }) => unrecorded)
    .filter((call) => /: APIUserAbortError/.test(call)).length,
  flushed: ends.every(({ flushed }) => flushed),
  malformed,
}
const checks = checksOf(outcome)
writeReport(values.out, {
  startedAt: startedAt.toISOString(),
  node: process.versions.node,
  callsPerMinute,
  outcome,
  checks,
  chaos: chaos.done,
  logs: totals(ends.map(({ logs }) => logs)).counts,
})
for (const { name, holds, seen } of checks)
  console.log(`${holds === undefined ? 'short ' : holds ? 'ok    ' : 'BROKEN'} ${name}: ${seen}`)
for (const call of ends.flatMap(({ unrecorded }) => unrecorded)) console.log(`without a record: ${call}`)
console.log(`Report: ${values.out}/report.html`)
const failed = checks.filter(({ holds }) => holds === false).length
console.log(`${checks.length - failed} passed, ${failed} failed, 0 skipped`)
for (const agent of agents) agent.end()
world.end()
front.close()
await redis.close()
process.exit(failed === 0 ? 0 : 1)

function countMissing(there: Iterable<string>): number {
  const found = new Set(there)
  return [...ids].filter((id) => !found.has(id)).length
}

async function momentNow(): Promise<Moment> {
  const counted = world.next('counts')
  world.send({ type: 'counts' })
  const { counts, books } = await counted
  const { memory, keys } = await redisNow()
  return {
    seconds: (performance.now() - start) / 1_000,
    agents: [...latest.values()],
    calls: totals([...outcomes.values()]).sum,
    records: ids.size,
    received: { ...counts, own: own.size },
    books,
    redisMb: memory / 1024 / 1024,
    redisKeys: keys,
  }
}

/** Returns what Redis says of itself; what it said before while it does not answer. */
async function redisNow(): Promise<typeof redisBefore> {
  const asked = (async () => {
    const info = await redis.admin.info('memory')
    return { memory: Number(/used_memory:(\d+)/.exec(info)?.[1]), keys: await redis.admin.dbsize() }
  })().catch(() => redisBefore)
  redisBefore = await Promise.race([asked, sleep(1_000, redisBefore)])
  return redisBefore
}

function totals(all: Record<string, number>[]) {
  const counts: Record<string, number> = {}
  for (const each of all)
    for (const [name, count] of Object.entries(each)) counts[name] = (counts[name] ?? 0) + count
  return { counts, sum: Object.values(counts).reduce((sum, count) => sum + count, 0) }
}
