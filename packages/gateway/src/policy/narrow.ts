import type { AgentPolicy, CachePolicy, Policy, SemanticPolicy, TeamPolicy } from '../core/policy.ts'

export type Layer = false | CachePolicy | undefined
type Mode = NonNullable<SemanticPolicy['mode']>

/** Returns the policy with the semantic cache switched off. */
export const withoutSemantic = (policy: Policy): Policy => ({
  ...policy,
  ...cacheOf(layerWithoutSemantic(policy.cache)),
})

/** Returns the policy with `shadow` in place of every `on`. */
export function inShadow(policy: Policy): Policy {
  const shadowed = <Holder extends { cache?: false | CachePolicy }>(holder: Holder): Holder => ({
    ...holder,
    ...cacheOf(layerInShadow(holder.cache)),
  })
  return ofTeams(ofAgents(shadowed(policy), shadowed), shadowed)
}

/** Returns the effective mode. Inner layers override outer ones, but cannot switch on what an outer one switched off. */
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
