import { readFileSync } from 'node:fs'
import { check, GatewayOptionsError } from '../options-error.ts'
import { hotdash } from './hotdash.ts'
import type { Policy } from './policy.ts'
import { policySchema } from './schema.ts'

/**
 * The policy in force: the caller's, a file's, or HotDash's own.
 * @throws GatewayOptionsError naming the field at fault.
 */
export function loadPolicy(given: Policy | string | undefined): Policy {
  if (given === undefined) return hotdash
  if (typeof given === 'string') return checkPolicy(read(given), `policy ${given}`)
  return checkPolicy(given, 'gateway.policy')
}

/**
 * What somebody else wrote, as a policy. `where` stands before each field that is named; it may be empty.
 * @throws GatewayOptionsError with a line for each field at fault.
 */
export function checkPolicy(value: unknown, where: string): Policy {
  const policy = check(policySchema(), value, where) as Policy
  consistent(policy, where)
  return policy
}

function read(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new GatewayOptionsError(`policy ${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new GatewayOptionsError(`policy ${path}: is not JSON (${(error as Error).message})`)
  }
}

/** What the shape cannot say: an agent is of one team, and names refer to things that exist. */
function consistent(policy: Policy, where: string): void {
  const owner = new Map<string, string>()
  for (const [team, { agents = [], keys = [], requireKey }] of Object.entries(policy.teams ?? {})) {
    for (const agent of agents) {
      const other = owner.get(agent)
      if (other !== undefined)
        throw new GatewayOptionsError(
          `${where || 'teams'}: agent "${agent}" is in two teams, ${other} and ${team}`,
        )
      owner.set(agent, team)
    }
    if (requireKey && keys.length === 0)
      throw new GatewayOptionsError(
        `${where && `${where}.`}teams.${team}.keys: requireKey is set, so list at least one key's SHA-256`,
      )
  }
}
