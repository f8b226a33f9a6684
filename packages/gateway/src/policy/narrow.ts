import type { AgentPolicy, CachePolicy, Policy, SemanticPolicy, TeamPolicy } from '../core/policy.ts'

export type Layer = false | CachePolicy | undefined
type Mode = NonNullable<SemanticPolicy['mode']>

/** Under it, nothing is asked by meaning. */
export const withoutSemantic = (policy: Policy): Policy => ({
  ...policy,
  ...cacheOf(layerWithoutSemantic(policy.cache)),
})

/** Under it, whatever layer says `on` says `shadow`. */
export function inShadow(policy: Policy): Policy {
  const shadowed = <Holder extends { cache?: false | CachePolicy }>(holder: Holder): Holder => ({
    ...holder,
    ...cacheOf(layerInShadow(holder.cache)),
  })
  return ofTeams(ofAgents(shadowed(policy), shadowed), shadowed)
}

/** Inner layers override outer ones; what one of them has switched off, none inside it can switch on. */
export function semanticModeOf(layers: Layer[]): Mode {
  let mode: Mode = 'off'
  for (const layer of layers) {
    if (layer === false || layer?.semantic === false) return 'off'
    mode = layer?.semantic?.mode ?? mode
  }
  return mode
}

export const layerWithoutSemantic = (layer: Layer): Layer =>
  layer === false ? false : { ...layer, semantic: false }

export const layerWithMode = (layer: CachePolicy | undefined, mode: Mode): CachePolicy => ({
  ...layer,
  semantic: { ...(layer?.semantic || undefined), mode },
})

export const layerInShadow = (layer: Layer): Layer =>
  layer && semanticModeOf([layer]) === 'on' ? layerWithMode(layer, 'shadow') : layer

export const cacheOf = (cache: Layer) => (cache === undefined ? {} : { cache })

export function ofAgents(policy: Policy, change: (agent: AgentPolicy) => AgentPolicy): Policy {
  return policy.agents === undefined ? policy : { ...policy, agents: mapped(policy.agents, change) }
}

function ofTeams(policy: Policy, change: (team: TeamPolicy) => TeamPolicy): Policy {
  return policy.teams === undefined ? policy : { ...policy, teams: mapped(policy.teams, change) }
}

const mapped = <Value>(record: Record<string, Value>, change: (value: Value) => Value) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
