import type { Policy } from '../../core/policy.ts'

export const LIMITS_TABLE = 'llm_team_limits'
export const LIMITS_KEY = 'version,team'

/** What teams may use, for the tile that shows how much of it they do. Teams without limits are in it, too: they are known. */
export function limitsOf({ version = 0, timezone = 'UTC', teams = {} }: Policy) {
  return Object.entries(teams).map(([team, { rpm, tpm, usdPerDay }]) => ({
    version,
    team,
    timezone,
    rpm: rpm ?? null,
    tpm: tpm ?? null,
    usd_per_day: usdPerDay ?? null,
  }))
}
