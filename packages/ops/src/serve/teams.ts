import type { Policy, TeamPolicy } from '@hotdash/llm-gateway'
import type { Sender } from './authenticate.ts'

/** What the policy in force says of a sender's team. */
export function createTeams(policy: () => Readonly<Policy>) {
  function of({ team }: Sender): TeamPolicy | undefined {
    const { teams = {} } = policy()
    return team !== undefined && Object.hasOwn(teams, team) ? teams[team] : undefined
  }

  return {
    of,
    /** `undefined`: any. */
    models(sender: Sender): string[] | undefined {
      const { models } = policy()
      return of(sender)?.models ?? (models && Object.keys(models))
    },
    /** Without a team, of all of them. */
    agents(sender: Sender): string[] {
      const { teams = {} } = policy()
      const own = sender.team === undefined ? Object.values(teams) : [of(sender)]
      return own.flatMap((team) => team?.agents ?? [])
    },
  }
}
