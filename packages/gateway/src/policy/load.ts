import { readFileSync } from 'node:fs'
import { GatewayOptionsError, inspect } from '../core/options-error.ts'
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
  const { data, problems } = inspect(policySchema(), value, where)
  // All at once: what one field has wrong hides no other.
  const all = [...problems, ...inconsistencies(value, where)]
  if (all.length > 0) throw new GatewayOptionsError(all.join('\n'))
  return data as Policy
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

/** Finds what the schema cannot: an agent in two teams, and a team that requires a key and has none. Takes any value. */
function inconsistencies(value: unknown, where: string): string[] {
  const owner = new Map<string, string>()
  const problems: string[] = []
  for (const [team, fields] of Object.entries(recordIn(recordIn(value).teams))) {
    const { agents, keys, requireKey } = recordIn(fields)
    const field = `${where && `${where}.`}teams.${team}`
    for (const agent of Array.isArray(agents) ? (agents as unknown[]) : []) {
      if (typeof agent !== 'string') continue
      const other = owner.get(agent)
      if (other !== undefined)
        problems.push(`${field}.agents: agent "${agent}" is in two teams, ${other} and ${team}`)
      owner.set(agent, team)
    }
    if (requireKey === true && (!Array.isArray(keys) || keys.length === 0))
      problems.push(`${field}.keys: requireKey is set, so list at least one key's SHA-256`)
  }
  return problems
}

const recordIn = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
