import { type AgentMetrics, type MetricsTotals, readMetrics } from '@hotdash/llm-gateway/metrics'
import { openPolicyStore, type PolicyStore } from '@hotdash/llm-gateway/policy'
import { isFiring } from '../alerting/alert.ts'
import { dayOf } from '../alerting/day.ts'
import { KEYS, SPILL_KEY } from '../alerting/keys.ts'
import { openRedis, type RedisClient, serverNow, troubleOf } from '../alerting/redis.ts'
import { parseJson, readState } from '../alerting/state-store.ts'
import { policyInForce } from '../live-policy/store.ts'
import { parseInfo, type RedisFigures } from './redis-info.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Whole minutes before the current one, by which rates are measured. */
const WINDOW_MINUTES = 4
const HISTORY_MINUTES = 20
/** Time without a sign of life after which a monitor is shown as silent, in milliseconds. */
const SILENT_MS = 180_000

export type AgentRow = {
  team: string
  agent: string
  /** Calls a minute, over `windowSeconds`. */
  rate: number
  window: MetricsTotals
  costTodayUsd: number
  /** Calls of each of the last 20 minutes, oldest first. */
  history: number[]
}

export type TeamRow = {
  team: string
  costTodayUsd: number
  /** US dollars a day. Absent: no cap. */
  capUsd?: number
  rate: number
  rpm?: number
}

/** What `top` shows of one moment. */
export type Snapshot = {
  /** Milliseconds since the epoch, by the clock of Redis. */
  at: number
  timezone: string
  windowSeconds: number
  window: MetricsTotals
  rate: number
  costTodayUsd: number
  savedTodayUsd: number
  agents: AgentRow[]
  teams: TeamRow[]
  redis: RedisFigures
  /** Rows that wait in Redis for Supabase. */
  waitingRows: number
  /** Why processes refuse the live policy. Empty: they do not. */
  policyTrouble: string
  monitors: { name: string; isSilent: boolean }[]
  /** Names of alerts that fire. */
  firing: string[]
}

export type Reader = {
  /** @throws the error of Redis */
  read: () => Promise<Snapshot>
  close: () => void
}

export async function createReader(url: string): Promise<Reader> {
  const client = await openRedis(url)
  const store = openPolicyStore({ redis: client })
  return {
    read: () =>
      readSnapshot(client, store).catch((error: unknown) => {
        throw new Error(troubleOf(client, error), { cause: error })
      }),
    close() {
      store.close()
      client.disconnect()
    },
  }
}

async function readSnapshot(client: RedisClient, store: PolicyStore): Promise<Snapshot> {
  const began = performance.now()
  const at = await serverNow(client)
  const latencyMs = performance.now() - began
  const { change, broken } = await store.read()
  const { teams: limits = {}, timezone = 'UTC' } = policyInForce(change)
  const minute = Math.floor(at / MINUTE_MS) * MINUTE_MS
  const since = minute - WINDOW_MINUTES * MINUTE_MS
  const { startsAt } = dayOf(at, timezone)
  // Clocks of gateways may be ahead.
  const to = minute + 2 * MINUTE_MS
  const [window, history, today, info, waitingRows, alive, { state }] = await Promise.all([
    readMetrics(client, { from: since, to }),
    readMetrics(client, { from: minute - (HISTORY_MINUTES - 1) * MINUTE_MS, to }),
    readMetrics(client, { from: startsAt, to, by: startsAt % HOUR_MS === 0 ? 'hour' : 'minute' }),
    client.info(),
    client.xlen(SPILL_KEY),
    client.hgetall(KEYS.monitors),
    readState(client),
  ])
  const minutes = (at - since) / MINUTE_MS
  const names = new Map(
    [...today.agents, ...history.agents].map(({ team, agent }) => [
      JSON.stringify([team, agent]),
      { team, agent },
    ]),
  )
  const agents = [...names.values()].map(({ team, agent }): AgentRow => {
    const isIt = (row: { team: string; agent: string }) => row.team === team && row.agent === agent
    const own = window.agents.find(isIt) ?? NO_CALLS
    return {
      team,
      agent,
      rate: own.calls / minutes,
      window: own,
      costTodayUsd: today.agents.find(isIt)?.costUsd ?? 0,
      history: historyOf(history.rows.filter(isIt), minute),
    }
  })
  return {
    at,
    timezone,
    windowSeconds: Math.round((at - since) / 1_000),
    window: window.summary,
    rate: window.summary.calls / minutes,
    costTodayUsd: today.summary.costUsd,
    savedTodayUsd: today.summary.savedUsd,
    agents,
    teams: teamsOf(limits, window.agents, today.agents, minutes),
    redis: parseInfo(info, latencyMs),
    waitingRows,
    policyTrouble: broken ?? '',
    monitors: Object.entries(alive).map(([name, json]) => ({
      name,
      isSilent: at - seenAt(json) > SILENT_MS,
    })),
    firing: Object.values(state.incidents)
      .filter(({ members }) => Object.values(members).some(isFiring))
      .map(({ alert }) => alert),
  }
}

const seenAt = (json: string): number => {
  const sign = parseJson(json) as { at?: unknown } | undefined
  return typeof sign?.at === 'number' ? sign.at : 0
}

function historyOf(rows: readonly { at: number; calls: number }[], minute: number): number[] {
  const calls: number[] = Array(HISTORY_MINUTES).fill(0)
  for (const row of rows) {
    const place = HISTORY_MINUTES - 1 - (minute - row.at) / MINUTE_MS
    if (place in calls) calls[place] = (calls[place] ?? 0) + row.calls
  }
  return calls
}

type Limits = { usdPerDay?: number | undefined; rpm?: number | undefined }

function teamsOf(
  limits: Record<string, Limits>,
  window: AgentMetrics[],
  today: AgentMetrics[],
  minutes: number,
): TeamRow[] {
  const names = new Set([...Object.keys(limits), ...today.map(({ team }) => team)])
  return [...names].map((team) => {
    const of = (rows: AgentMetrics[]) => rows.filter((row) => row.team === team)
    const { usdPerDay, rpm } = Object.hasOwn(limits, team) ? (limits[team] ?? {}) : {}
    return {
      team,
      costTodayUsd: of(today).reduce((sum, { costUsd }) => sum + costUsd, 0),
      ...(usdPerDay !== undefined && { capUsd: usdPerDay }),
      rate: of(window).reduce((sum, { calls }) => sum + calls, 0) / minutes,
      ...(rpm !== undefined && { rpm }),
    }
  })
}

const NO_CALLS: MetricsTotals = {
  calls: 0,
  errors: 0,
  aborted: 0,
  refused: 0,
  refusals: {},
  hits: { exact: 0, semantic: 0, flight: 0, stale: 0 },
  tokens: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
  costUsd: 0,
  savedUsd: 0,
  embeddingUsd: 0,
  unpriced: 0,
  estimated: 0,
  degraded: 0,
  upstream: 0,
  keys: {},
}
