import { readMetrics } from '@hotdash/llm-gateway/metrics'
import type { SecretEntry } from './catalogue.ts'
import { hashOf } from './team-keys.ts'
import type { Secrets } from './vault.ts'

const HOUR_MS = 3_600_000

/** Calls of a team: in the last hour, by agent; and of the last 24 hours, those that were made with the key before a rotation. */
export type TeamUse = {
  team: string
  calls: number
  agents: string[]
  /** Absent: its key has no previous value. */
  previousKey?: { calls: number; agents: string[] }
}

/** Characters of a key's hash by which calls are counted: `keyId` of their records. */
const KEY_ID_CHARS = 12

/**
 * Returns what each team has called, from the live metrics. Calls of agents that give no team key count for none.
 *
 * @throws (rejects) where Redis cannot be reached
 */
export async function useOfTeams(
  redis: string,
  entries: SecretEntry[],
  secrets: Secrets,
  now = Date.now(),
): Promise<TeamUse[]> {
  const until = now + 60_000
  const [hour, day] = await Promise.all([
    readMetrics(redis, { from: now - HOUR_MS, to: until }),
    readMetrics(redis, { from: now - 24 * HOUR_MS, to: until }),
  ])
  return entries.flatMap(({ name, team }) => {
    if (team === undefined) return []
    const own = hour.rows.filter((row) => row.team === team)
    const previous = secrets[name]?.previous?.value
    const id = previous === undefined ? undefined : hashOf(previous).slice(0, KEY_ID_CHARS)
    const old = id === undefined ? [] : day.rows.filter((row) => row.team === team && (row.keys[id] ?? 0) > 0)
    return [
      {
        team,
        calls: own.reduce((sum, { calls }) => sum + calls, 0),
        agents: namesIn(own),
        ...(id !== undefined && {
          previousKey: {
            calls: old.reduce((sum, { keys }) => sum + (keys[id] ?? 0), 0),
            agents: namesIn(old),
          },
        }),
      },
    ]
  })
}

const namesIn = (rows: { agent: string }[]) => [...new Set(rows.map(({ agent }) => agent))].toSorted()
