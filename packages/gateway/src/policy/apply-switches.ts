import type { AgentPolicy, Policy } from '../core/policy.ts'
import type { Live, Switches } from './live/live.ts'
import {
  cacheOf,
  inShadow,
  type Layer,
  layerInShadow,
  layerWithMode,
  layerWithoutSemantic,
  ofAgents,
  semanticModeOf,
  withoutSemantic,
} from './narrow.ts'

/**
 * Returns the policy with the switches applied. A switch narrows, or changes the model or the mode; it never grants a
 * model, a team or a key, and never switches a cache on.
 */
export function applySwitches({ policy, switches }: Live): Policy {
  const switched = [applyLimits, applyAliases, applyMode, applyCache].reduce(
    (policy, apply) => apply(policy, switches),
    policy,
  )
  return Object.entries(switches.agents ?? {}).reduce(withAgent, switched)
}

/** Sets limits of existing teams only: a switch creates no team. */
function applyLimits(policy: Policy, { teams: limits = {} }: Switches): Policy {
  const { teams } = policy
  if (teams === undefined || !Object.keys(limits).some((name) => Object.hasOwn(teams, name))) return policy
  const changed = Object.entries(teams).map(([name, team]) => [
    name,
    Object.hasOwn(limits, name) ? { ...team, ...limits[name] } : team,
  ])
  return { ...policy, teams: Object.fromEntries(changed) }
}

function applyAliases(policy: Policy, { models }: Switches): Policy {
  if (models === undefined || Object.keys(models).length === 0) return policy
  const { routing } = policy
  return { ...policy, routing: { ...routing, aliases: { ...routing?.aliases, ...models } } }
}

/** A global mode also overrides the modes of agents. */
function applyMode(policy: Policy, { mode }: Switches): Policy {
  if (mode === undefined) return policy
  const { mode: _, ...rest } = policy
  return ofAgents({ ...rest, mode }, ({ mode: _, ...agent }) => agent)
}

function applyCache(policy: Policy, { cache, semantic }: Switches): Policy {
  if (cache === 'off') return { ...policy, cache: false }
  if (semantic === 'off') return withoutSemantic(policy)
  return semantic === undefined ? policy : inShadow(policy)
}

function withAgent(policy: Policy, [name, own]: [string, NonNullable<Switches['agents']>[string]]): Policy {
  const agent = policy.agents && Object.hasOwn(policy.agents, name) ? policy.agents[name] : undefined
  const changed: AgentPolicy = {
    ...agent,
    ...(own.mode && { mode: own.mode }),
    ...(own.disabled && { disabled: own.disabled }),
    ...cacheOf(cacheOfAgent(policy, name, agent?.cache, own)),
  }
  return { ...policy, agents: { ...policy.agents, [name]: changed } }
}

function cacheOfAgent(
  policy: Policy,
  name: string,
  layer: Layer,
  { cache, semantic }: { cache?: 'off'; semantic?: 'off' | 'shadow' },
): Layer {
  if (cache === 'off') return false
  if (semantic === 'off') return layerWithoutSemantic(layer)
  return semantic === 'shadow' ? shadowOf(policy, name, layer) : layer
}

/**
 * Whether an agent inherits an active cache depends on its team, and a team key can place it in another team: if only
 * some teams have the cache on, it is switched off instead of being switched on anywhere.
 */
function shadowOf({ cache, teams = {} }: Policy, name: string, layer: Layer): Layer {
  if (layer === false || layer?.semantic === false || layer?.semantic?.mode === 'off') return layer
  if (layer?.semantic?.mode !== undefined) return layerInShadow(layer)
  const all = Object.values(teams)
  const home = all.find(({ agents }) => agents?.includes(name))
  if (semanticModeOf([cache, home?.cache]) !== 'off') return layerWithMode(layer, 'shadow')
  const isOnSomewhere = all.some((team) => semanticModeOf([cache, team.cache]) !== 'off')
  return isOnSomewhere ? layerWithoutSemantic(layer) : layer
}
