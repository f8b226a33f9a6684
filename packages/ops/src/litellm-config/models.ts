import type { Policy } from '@hotdash/llm-gateway'

/** Returns the names of all models that the policy mentions, each once. */
export function modelNames({ models, routing, teams }: Policy): string[] {
  const { default: standard, embeddings, escalate, fallback } = routing ?? {}
  const routed = [standard, embeddings, escalate ? escalate.to : undefined, fallback || undefined]
  const ofTeams = Object.values(teams ?? {}).flatMap((team) => team.models ?? [])
  const all = [...Object.keys(models ?? {}), ...routed, ...ofTeams]
  return [...new Set(all.filter((name) => name !== undefined))]
}
