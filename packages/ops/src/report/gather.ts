import { readSemanticAuto } from '@hotdash/llm-gateway/admin'
import { readMetrics } from '@hotdash/llm-gateway/metrics'
import { openPolicyStore } from '@hotdash/llm-gateway/policy'
import { KEEP_MS, SPILL_KEY } from '../alerting/keys.ts'
import { openRedis, type RedisClient } from '../alerting/redis.ts'
import type { ReportConfig } from '../config/config.ts'
import { policyInForce } from '../live-policy/store.ts'
import { monthOf, sampleDays } from './forecast.ts'
import { parseRange, type Range } from './range.ts'
import type { Material } from './report.ts'
import type { Source } from './source.ts'
import { addSpans, type Span } from './span.ts'
import { usd } from './totals.ts'
import { type Availability, readAvailability } from './uptime.ts'

const HOUR_MS = 3_600_000

export type GatherOptions = {
  source: Source
  /** Absent: no uptime, and the policy of the environment. */
  redis: string | undefined
  from: string | undefined
  to: string | undefined
  config: ReportConfig
  /** Absent: that of the limits in Supabase, else of the policy. */
  timezone: string | undefined
  now: number
  /** Called after each day. */
  progress: (done: number, days: number) => void
}

/** Reads all that a report is made of. @throws UsageError for an invalid range, and the error of Supabase */
export async function gather(options: GatherOptions): Promise<Material> {
  const { source, config, now } = options
  const client = options.redis === undefined ? undefined : await openRedis(options.redis)
  try {
    const limits = await source.limits()
    const { policy, trouble } = await readPolicy(client)
    const timezone = options.timezone ?? limits[0]?.timezone ?? policy.timezone ?? 'UTC'
    const range = parseRange(options, timezone, now)
    const days = await readDays(source, range, options.progress)
    const reachable = trouble === undefined ? client : undefined
    return {
      range,
      timezone,
      createdAt: now,
      days,
      limits,
      policy,
      config,
      availability: reachable && (await readProbes(reachable, range)),
      month: await readMonth(source, range, timezone, days),
      ...(reachable !== undefined && {
        live: await readLive(reachable, range),
        semanticAuto: await readSemanticAuto({ redis: reachable }),
      }),
      ...(trouble !== undefined && { trouble }),
    }
  } finally {
    client?.disconnect()
  }
}

async function readPolicy(
  client: RedisClient | undefined,
): Promise<{ policy: Material['policy']; trouble?: string }> {
  if (client === undefined) return { policy: policyInForce(undefined) }
  const store = openPolicyStore({ redis: client })
  try {
    const { change } = await store.read()
    return { policy: policyInForce(change) }
  } catch (error) {
    return { policy: policyInForce(undefined), trouble: error instanceof Error ? error.message : 'no Redis' }
  } finally {
    store.close()
  }
}

/** Reads the days, two at a time. */
async function readDays(
  source: Source,
  { days, until }: Range,
  progress: GatherOptions['progress'],
): Promise<{ date: string; span: Span }[]> {
  const read: { date: string; span: Span }[] = []
  const left = days.entries()
  let done = 0
  const work = async () => {
    for (const [at, { date, startsAt, endsAt }] of left) {
      read[at] = { date, span: addSpans(await source.spans(startsAt, Math.min(endsAt, until))) }
      done += 1
      progress(done, days.length)
    }
  }
  await Promise.all([work(), work()])
  return read
}

/** Reads the cost of the month, and of the whole days before its rest: from the days already read, where they are there. */
async function readMonth(
  source: Source,
  { days, until }: Range,
  timezone: string,
  read: readonly { span: Span }[],
): Promise<Material['month']> {
  const known = new Map(
    days.map(({ startsAt, endsAt }, at) => [startsAt, endsAt <= until ? read[at]?.span : undefined] as const),
  )
  const samples: { usd: number; calls: number }[] = []
  for (const { startsAt, endsAt } of sampleDays(until, timezone)) {
    const agents = known.get(startsAt)?.agents
    if (agents === undefined) {
      const { cost, calls } = await source.cost(startsAt, endsAt)
      samples.push({ usd: usd(cost), calls })
    } else
      samples.push({
        usd: usd(agents.reduce((sum, { cost }) => sum + cost, 0)),
        calls: agents.reduce((sum, { calls, own_calls: own }) => sum + calls + own, 0),
      })
  }
  const { cost } = await source.cost(monthOf(until, timezone).startsAt, until)
  return { spentUsd: usd(cost), samples }
}

/** Probes of hours that are no longer kept would look like hours without a monitor. */
async function readProbes(client: RedisClient, { since, until }: Range): Promise<Availability> {
  return await readAvailability(client, Math.max(since, Date.now() - KEEP_MS), until)
}

async function readLive(
  client: RedisClient,
  { since, until }: Range,
): Promise<NonNullable<Material['live']>> {
  const waitingRows = await client.xlen(SPILL_KEY)
  if (since < Date.now() - KEEP_MS) return { calls: 0, waitingRows }
  // A part of an hour at either end is left out.
  const [from, to] = [Math.ceil(since / HOUR_MS) * HOUR_MS, Math.floor(until / HOUR_MS) * HOUR_MS]
  if (to <= from) return { calls: 0, waitingRows }
  const { summary } = await readMetrics(client, { from, to, by: 'hour' })
  return { calls: summary.calls, waitingRows }
}
