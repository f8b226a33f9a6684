import type { Policy, TeamPolicy } from '@hotdash/llm-gateway'
import type { Principal } from './authenticate.ts'

/** Creates lookups of a principal's team in the policy in force. */
export function createTeams(policy: () => Readonly<Policy>) {
  function policyOf({ team }: Principal): TeamPolicy | undefined {
    const { teams = {} } = policy()
    return team !== undefined && Object.hasOwn(teams, team) ? teams[team] : undefined
  }

  return {
    policyOf,
    /** Returns the models that the principal may use; `undefined` where the policy restricts none. */
    models(principal: Principal): string[] | undefined {
      const { models } = policy()
      return policyOf(principal)?.models ?? (models && Object.keys(models))
    },
    /** Returns the agents of the principal's team; for an anonymous caller those of all teams. */
    agents(principal: Principal): string[] {
      const { teams = {} } = policy()
      const own = principal.team === undefined ? Object.values(teams) : [policyOf(principal)]
      return own.flatMap((team) => team?.agents ?? [])
    },
  }
}
