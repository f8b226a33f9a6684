import { type AnswerCount, openCachedAnswers } from '@hotdash/llm-gateway/admin'
import { type MetricsTotals, readMetrics } from '@hotdash/llm-gateway/metrics'
import { infoFields, openRedis } from '../alerting/redis.ts'
import { requireRedisUrl } from '../cli/connection.ts'
import { bytes, counted, dollars, whole } from '../cli/format.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { printTable } from '../cli/table.ts'
import { readPolicyInForce } from '../live-policy/store.ts'
import type { Values } from './values.ts'

const DAY_MS = 86_400_000

/** Counts the exact cache by team, agent and model, with the hits of the last 24 hours. */
export async function stats(values: Values): Promise<number> {
  const redis = requireRedisUrl(values.redis)
  const cache = openCachedAnswers({ redis })
  try {
    const now = Date.now()
    const { teams = {} } = await readPolicyInForce(redis)
    const [{ groups, unreadable }, memory, { summary }, ...purges] = await Promise.all([
      cache.count(),
      memoryOf(redis),
      readMetrics(redis, { from: now - DAY_MS, to: now + 60_000 }),
      ...Object.keys(teams).map(cache.lastPurge),
    ])
    const chosen = groups.filter((group) => isChosen(group, values))
    const lastPurgeAt = Math.max(0, ...purges)
    const lastDay = dayOf(summary)
    if (values.json)
      return printJson({
        groups: chosen,
        unreadable,
        memory,
        lastDay,
        ...(lastPurgeAt > 0 && { lastPurgeAt }),
      })
    printTable(COLUMNS, chosen.map(rowOf))
    printLine('')
    printLine(
      `Last 24 hours: ${whole(lastDay.hits)} of ${counted(lastDay.calls, 'call')} answered from this cache (${lastDay.hitPercent} %), ${whole(lastDay.stale)} of them stale; ${dollars(summary.savedUsd)} saved by all caches.`,
    )
    printLine(
      `Redis: ${bytes(memory.usedBytes)} in use${memory.maxBytes > 0 ? ` of ${bytes(memory.maxBytes)}` : ''}. Last purge: ${lastPurgeAt > 0 ? new Date(lastPurgeAt).toISOString() : 'none in 60 days'}.`,
    )
    return unreadable > 0 ? printNote(`${unreadable} values are damaged, or of another version.`) : 0
  } finally {
    cache.close()
  }
}

function dayOf({ calls, hits }: MetricsTotals) {
  const all = hits.exact + hits.stale
  return {
    calls,
    hits: all,
    stale: hits.stale,
    hitPercent: calls === 0 ? 0 : Math.round((1_000 * all) / calls) / 10,
  }
}

async function memoryOf(redis: string): Promise<{ usedBytes: number; maxBytes: number }> {
  const client = await openRedis(redis)
  try {
    const fields = infoFields(await client.info('memory'))
    const of = (name: string) => Number(fields.get(name) ?? 0)
    return { usedBytes: of('used_memory'), maxBytes: of('maxmemory') }
  } finally {
    client.disconnect()
  }
}

const isChosen = (group: AnswerCount, { team, agent, model }: Values) =>
  (team ?? group.team) === group.team &&
  (agent ?? group.agent) === group.agent &&
  (model ?? group.model) === group.model

const COLUMNS = [
  { title: 'TEAM' },
  { title: 'AGENT' },
  { title: 'MODEL' },
  { title: 'ANSWERS', isNumber: true },
  { title: 'SIZE', isNumber: true },
]

const rowOf = ({ team, agent, model, answers, bytes: size }: AnswerCount) => [
  team || 'others',
  agent,
  model,
  whole(answers),
  bytes(size),
]
