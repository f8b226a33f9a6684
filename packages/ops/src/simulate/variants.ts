import type { Policy } from '@hotdash/llm-gateway'
import { GatewayOptionsError, loadPolicy } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../core/command.ts'

/** Fields whose members have names of the policy's own: another name would be a new one, which nothing uses. */
const NAMED = new Set(['teams', 'models'])

/** A policy with a name for its column. */
export type Variant = { name: string; policy: Policy }

/** Returns the policy without caches and limits: the same calls, models and prices. */
export const bare = (policy: Policy): Variant => ({
  name: 'no cache, no limit',
  policy: {
    ...policy,
    cache: false,
    teams: Object.fromEntries(
      Object.entries(policy.teams ?? {}).map(([name, { rpm: _, tpm: __, usdPerDay: ___, ...team }]) => [
        name,
        { ...team, cache: false },
      ]),
    ),
  },
})

/**
 * Returns a variant of a policy for each value of one field.
 * @param sweep e.g. `cache.exact.ttlSeconds=600,3600,86400`
 * @throws UsageError if the field or a value is not valid
 */
export function swept(policy: Policy, sweep: string): Variant[] {
  const [, path, values] = /^([^=]+)=(.+)$/s.exec(sweep) ?? []
  if (path === undefined || values === undefined)
    throw new UsageError(
      `--sweep ${sweep}: give a field and its values, e.g. cache.exact.ttlSeconds=600,3600`,
    )
  return values.split(',').map((text) => {
    const name = `${path}=${text}`
    const changed = withField(policy, path.split('.'), parsedOr(text), name)
    try {
      return { name, policy: loadPolicy(changed) }
    } catch (error) {
      if (error instanceof GatewayOptionsError) throw new UsageError(`--sweep ${name}: ${error.message}`)
      throw error
    }
  })
}

/** A value is JSON where it can be, else a text. */
function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function withField(policy: Policy, path: string[], value: unknown, name: string): Policy {
  // A value under this name would become the prototype of the policy, and be in none of its fields.
  if (path.includes('__proto__')) throw new UsageError(`--sweep ${name}: __proto__ is not a field.`)
  const [map = '', key = ''] = path
  if (NAMED.has(map) && !Object.hasOwn((policy as Record<string, object | undefined>)[map] ?? {}, key))
    throw new UsageError(`--sweep ${name}: the policy has no ${JSON.stringify(key)} among its ${map}.`)
  const copy = structuredClone(policy) as Record<string, unknown>
  let at = copy
  for (const part of path.slice(0, -1)) {
    const next = Object.hasOwn(at, part) ? at[part] : undefined
    if (next !== undefined && (typeof next !== 'object' || next === null))
      throw new UsageError(`--sweep ${name}: ${part} is ${JSON.stringify(next)}, and has no fields.`)
    const child = (next ?? {}) as Record<string, unknown>
    at[part] = child
    at = child
  }
  at[path.at(-1) ?? ''] = value
  return copy as Policy
}
