import type { Caller } from '../core/caller.ts'
import type { Mode, Policy } from '../core/policy.ts'
import { createDirectory } from '../identify/directory.ts'
import type { PastCall } from './past-call.ts'

/** Returns the lookup of a policy's callers, by the names in past calls. Team keys count as shown. */
export function createCallers(policy: Policy): (call: PastCall) => Caller {
  const resolve = createDirectory(withoutKeys(policy), () => undefined, modeIn(policy))
  return ({ agent, team }) => resolve({ agent, key: undefined, team })
}

/** Rows name the team that a key proved; the keys themselves are not in them. */
const withoutKeys = (policy: Policy): Policy => ({
  ...policy,
  teams: Object.fromEntries(
    Object.entries(policy.teams ?? {}).map(([name, { keys: _, requireKey: __, ...team }]) => [name, team]),
  ),
})

const modeIn =
  ({ mode = 'embedded', agents = {} }: Policy) =>
  (agent: string | undefined): Mode =>
    (agent !== undefined && Object.hasOwn(agents, agent) ? agents[agent]?.mode : undefined) ?? mode
