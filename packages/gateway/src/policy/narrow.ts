import type { AgentPolicy, CachePolicy, Policy, SemanticMode, TeamPolicy } from '../core/policy.ts'

export type Layer = false | CachePolicy | undefined
/** The order of narrowing. */
const RANK: Record<SemanticMode, number> = { off: 0, shadow: 1, auto: 2, on: 3 }

/** Returns the policy with the semantic cache switched off. */
export const withoutSemantic = (policy: Policy): Policy => ({
  ...policy,
  ...cacheOf(layerWithoutSemantic(policy.cache)),
})

/** Returns the policy with `most` in place of every mode above it. */
export function lowered(policy: Policy, most: SemanticMode): Policy {
  const less = <Holder extends { cache?: false | CachePolicy }>(holder: Holder): Holder => ({
    ...holder,
    ...cacheOf(layerLowered(holder.cache, most)),
  })
  return ofTeams(ofAgents(less(policy), less), less)
}

/** Returns the policy with `shadow` in place of every `auto` and `on`. */
export const inShadow = (policy: Policy): Policy => lowered(policy, 'shadow')

/** Returns the effective mode. Inner layers override outer ones, but cannot switch on what an outer one switched off. */
export function semanticModeOf(layers: Layer[]): SemanticMode {
  let mode: SemanticMode = 'off'
  for (const layer of layers) {
    if (layer === false || layer?.semantic === false) return 'off'
    mode = layer?.semantic?.mode ?? mode
  }
  return mode
}

export const layerWithoutSemantic = (layer: Layer): Layer =>
  layer === false ? false : { ...layer, semantic: false }

export const layerWithMode = (layer: CachePolicy | undefined, mode: SemanticMode): CachePolicy => ({
  ...layer,
  semantic: { ...(layer?.semantic || undefined), mode },
})

const layerLowered = (layer: Layer, most: SemanticMode): Layer =>
  layer && RANK[semanticModeOf([layer])] > RANK[most] ? layerWithMode(layer, most) : layer

export const layerInShadow = (layer: Layer): Layer => layerLowered(layer, 'shadow')

export const cacheOf = (cache: Layer) => (cache === undefined ? {} : { cache })

export function ofAgents(policy: Policy, change: (agent: AgentPolicy) => AgentPolicy): Policy {
  return policy.agents === undefined ? policy : { ...policy, agents: mapped(policy.agents, change) }
}

function ofTeams(policy: Policy, change: (team: TeamPolicy) => TeamPolicy): Policy {
  return policy.teams === undefined ? policy : { ...policy, teams: mapped(policy.teams, change) }
}

const mapped = <Value>(record: Record<string, Value>, change: (value: Value) => Value) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
