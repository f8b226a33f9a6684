import type { Live, Switches } from './live.ts'
import type { AgentPolicy, CachePolicy, Policy, SemanticPolicy, TeamPolicy } from './policy.ts'

type Layer = false | CachePolicy | undefined
type Mode = NonNullable<SemanticPolicy['mode']>

/**
 * A policy with what is switched laid over it. A switch narrows, or changes what answers and how fast; it gives nobody a
 * model, a team or a key, and switches no cache on.
 */
export function applied({ policy, switches }: Live): Policy {
  const switched = [limited, swapped, turned, cached].reduce((policy, lay) => lay(policy, switches), policy)
  return Object.entries(switches.agents ?? {}).reduce(withAgent, switched)
}

/** Limits of teams that the policy knows: another name is no reason to make one. */
function limited(policy: Policy, { teams: limits = {} }: Switches): Policy {
  const { teams } = policy
  if (teams === undefined || !Object.keys(limits).some((name) => Object.hasOwn(teams, name))) return policy
  const changed = Object.entries(teams).map(([name, team]) => [
    name,
    Object.hasOwn(limits, name) ? { ...team, ...limits[name] } : team,
  ])
  return { ...policy, teams: Object.fromEntries(changed) }
}

function swapped(policy: Policy, { models }: Switches): Policy {
  if (models === undefined || Object.keys(models).length === 0) return policy
  const { routing } = policy
  return { ...policy, routing: { ...routing, swap: { ...routing?.swap, ...models } } }
}

/** Switched for all, a mode holds for agents, too, to which the policy gives one of their own. */
function turned(policy: Policy, { mode }: Switches): Policy {
  if (mode === undefined) return policy
  const { mode: _, ...rest } = policy
  return ofAgents({ ...rest, mode }, ({ mode: _, ...agent }) => agent)
}

function cached(policy: Policy, { cache, semantic }: Switches): Policy {
  if (cache === 'off') return { ...policy, cache: false }
  if (semantic === 'off') return { ...policy, ...cacheOf(withoutSemantic(policy.cache)) }
  if (semantic === undefined) return policy
  const shadowed = <Holder extends { cache?: false | CachePolicy }>(holder: Holder): Holder => ({
    ...holder,
    ...cacheOf(inShadow(holder.cache)),
  })
  return ofTeams(ofAgents(shadowed(policy), shadowed), shadowed)
}

function withAgent(policy: Policy, [name, own]: [string, NonNullable<Switches['agents']>[string]]): Policy {
  const agent = policy.agents && Object.hasOwn(policy.agents, name) ? policy.agents[name] : undefined
  const changed: AgentPolicy = {
    ...agent,
    ...(own.mode && { mode: own.mode }),
    ...(own.off && { off: own.off }),
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
  if (semantic === 'off') return withoutSemantic(layer)
  return semantic === 'shadow' ? shadowOf(policy, name, layer) : layer
}

/**
 * What an agent inherits may be on or off, by its team. An agent that shows another team's key is of that team: where
 * only some have it on, it is switched off rather than on anywhere.
 */
function shadowOf({ cache, teams = {} }: Policy, name: string, layer: Layer): Layer {
  if (layer === false || layer?.semantic === false || layer?.semantic?.mode === 'off') return layer
  if (layer?.semantic?.mode !== undefined) return inShadow(layer)
  const all = Object.values(teams)
  const home = all.find(({ agents }) => agents?.includes(name))
  if (modeOf([cache, home?.cache]) !== 'off') return withMode(layer, 'shadow')
  const isOnSomewhere = all.some((team) => modeOf([cache, team.cache]) !== 'off')
  return isOnSomewhere ? withoutSemantic(layer) : layer
}

/** Inner layers override outer ones; what one of them has switched off, none inside it can switch on. */
function modeOf(layers: Layer[]): Mode {
  let mode: Mode = 'off'
  for (const layer of layers) {
    if (layer === false || layer?.semantic === false) return 'off'
    mode = layer?.semantic?.mode ?? mode
  }
  return mode
}

const withoutSemantic = (layer: Layer): Layer => (layer === false ? false : { ...layer, semantic: false })

const withMode = (layer: CachePolicy | undefined, mode: Mode): CachePolicy => ({
  ...layer,
  semantic: { ...(layer?.semantic || undefined), mode },
})

const inShadow = (layer: Layer): Layer =>
  layer && modeOf([layer]) === 'on' ? withMode(layer, 'shadow') : layer

const cacheOf = (cache: Layer) => (cache === undefined ? {} : { cache })

function ofAgents(policy: Policy, change: (agent: AgentPolicy) => AgentPolicy): Policy {
  return policy.agents === undefined ? policy : { ...policy, agents: mapped(policy.agents, change) }
}

function ofTeams(policy: Policy, change: (team: TeamPolicy) => TeamPolicy): Policy {
  return policy.teams === undefined ? policy : { ...policy, teams: mapped(policy.teams, change) }
}

const mapped = <Value>(record: Record<string, Value>, change: (value: Value) => Value) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
