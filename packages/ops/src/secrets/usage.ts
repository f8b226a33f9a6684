import { readMetrics } from '@hotdash/llm-gateway/metrics'

/** Calls of a team in the last hour, by agent. */
export type TeamUse = { team: string; calls: number; agents: string[] }

/**
 * Returns what each team has called in the last hour, from the live metrics: its agents hold its keys. The metrics count
 * by agent, not by key.
 *
 * @throws (rejects) where Redis cannot be reached
 */
export async function useOfTeams(redis: string, teams: string[], now = Date.now()): Promise<TeamUse[]> {
  const { rows } = await readMetrics(redis, { from: now - 3_600_000, to: now + 60_000 })
  return teams.map((team) => {
    const own = rows.filter((row) => row.team === team)
    return {
      team,
      calls: own.reduce((sum, { calls }) => sum + calls, 0),
      agents: [...new Set(own.map(({ agent }) => agent))].toSorted(),
    }
  })
}
