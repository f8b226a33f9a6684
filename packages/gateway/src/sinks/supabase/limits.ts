import type { Policy } from '../../core/policy.ts'

export const LIMITS_TABLE = 'llm_team_limits'
export const LIMITS_KEY = 'version,team'

/**
 * Builds the rows of `llm_team_limits`, for the tile that shows usage against limits. Includes teams without limits,
 * so that they are listed.
 */
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
