import { readFileSync } from 'node:fs'
import { check, GatewayOptionsError } from '../core/options-error.ts'
import type { Policy } from '../core/policy.ts'
import { hotdash } from './hotdash.ts'
import { policySchema } from './schema.ts'

/**
 * Loads the policy: the caller's, a file's, or the built-in one.
 * @throws GatewayOptionsError naming the invalid field.
 */
export function loadPolicy(given: Policy | string | undefined): Policy {
  if (given === undefined) return hotdash
  if (typeof given === 'string') return checkPolicy(readPolicyFile(given), `policy ${given}`)
  return checkPolicy(given, 'gateway.policy')
}

/**
 * Validates an untrusted value as a policy. `where` prefixes each field name; it may be empty.
 * @throws GatewayOptionsError with a line for each invalid field.
 */
export function checkPolicy(value: unknown, where: string): Policy {
  refuseProto(value, where)
  const policy = check(policySchema(), value, where) as Policy
  checkConsistency(policy, where)
  return policy
}

/** Refuses a member of this name at any depth: the schema would drop it silently, and a team would lose its limits. */
function refuseProto(value: unknown, where: string, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return
  for (const [name, member] of Object.entries(value)) {
    const path = where === '' ? name : `${where}.${name}`
    if (name === '__proto__') throw new GatewayOptionsError(`${path}: is no name for a part of a policy`)
    refuseProto(member, path, depth + 1)
  }
}

/** A valid policy is less deep. */
const MAX_DEPTH = 20

function readPolicyFile(path: string): unknown {
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

/** Checks what the schema cannot: an agent belongs to one team, and names refer to things that exist. */
function checkConsistency(policy: Policy, where: string): void {
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
