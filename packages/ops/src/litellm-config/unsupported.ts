import type { Policy, TeamPolicy } from '@hotdash/llm-gateway'
import type { Auth } from './auth.ts'

/**
 * Lists what a LiteLLM proxy does differently from this policy or not at all, one item for each field that is set.
 *
 * Source: LiteLLM 1.102.4.
 */
export function unsupportedByLitellm(policy: Policy, auth: Auth): string[] {
  const teams = Object.values(policy.teams ?? {})
  const anyTeam = (test: (team: TeamPolicy) => unknown) => teams.some(test)
  const lines = [
    anyTeam(({ rpm }) => rpm !== undefined) &&
      "rpm: LiteLLM counts in fixed windows of a minute that begin with a key's first request, so that up to twice the limit may pass in any 60 seconds; refused requests count, and so do cache hits.",
    anyTeam(({ tpm }) => tpm !== undefined) &&
      'tpm: it reserves an estimate (a quarter of the characters, and the maximum output) and corrects it afterwards.',
    anyTeam(({ tpm }) => tpm !== undefined && tpm < 4_096) &&
      'tpm below 4096: it then writes max_tokens = tpm / 4 into requests that name none, which cuts answers short.',
    anyTeam(({ tpmMode }) => tpmMode === 'strict') && 'tpmMode "strict": LiteLLM has no such mode.',
    anyTeam(({ usdPerDay }) => usdPerDay !== undefined) &&
      (auth === 'database'
        ? 'usdPerDay: a budget per key that begins anew at midnight; the worst case is reserved where LiteLLM can estimate it, so concurrent calls may still pass it.'
        : 'usdPerDay: not enforced without a database. Dollars are not counted.'),
    anyTeam(({ usdPerDay }) => usdPerDay !== undefined) &&
      policy.timezone !== undefined &&
      policy.timezone !== 'UTC' &&
      `timezone: copied; check the first budget reset at midnight in ${policy.timezone}.`,
    'teams: limits belong to keys. A team with two keys has twice its limits; give it one.',
    'agents: LiteLLM has none. Clients of the gateway send theirs in spend_logs_metadata.agent.',
    'cache: one store for all keys. Clients of the gateway keep teams apart by a namespace; other clients share answers across teams.',
    hasExactCache(policy) &&
      'cache: whole and streamed answers are stored apart, answers cut at their maximum length are stored as well, and a stream that upstream ended without its last event is passed on, and stored, as finished.',
    cacheLayers(policy).some((layer) => layer?.sharedBetweenUsers === false) &&
      'sharedBetweenUsers: kept by clients of the gateway, by a namespace for each user; other clients share answers between users.',
    hasExactCache(policy) && 'staleIfErrorSeconds, staleWhileRevalidateSeconds: there are no stale answers.',
    (policy.cacheRemoteContent ?? false) || !hasExactCache(policy)
      ? false
      : 'cacheRemoteContent: clients of the gateway send no-cache for remote images and files; for other clients they are cached.',
    anyTeam(({ onLimit }) => onLimit === 'wait') &&
      'onLimit "wait", maxWaitMs, maxQueued: the proxy refuses at once; its retry-after is always 60.',
    Object.values(policy.agents ?? {}).some(({ priority }) => priority !== undefined) &&
      'agents.priority: all agents are equal.',
    Object.values(policy.agents ?? {}).some(({ capture }) => capture !== undefined) &&
      "agents.capture: what is traced is the clients' concern; this file switches no tracing on.",
    anyTeam(({ onRedisUnavailable = 'local' }) => onRedisUnavailable !== 'local') &&
      'onRedisUnavailable: without Redis each worker counts for itself, up to the whole limit.',
    Object.values(policy.models ?? {}).some(({ maxOutput }) => maxOutput !== undefined) &&
      "models.maxOutput: LiteLLM has its own table of models' largest outputs.",
    policy.paidPassThrough === 'refuse' &&
      (auth === 'database'
        ? 'paidPassThrough "refuse": keys may only use the routes that the gateway governs, and /models.'
        : 'paidPassThrough "refuse": without a database every route is open to every key.'),
    Object.values(policy.agents ?? {}).some(({ cache }) => cache !== undefined) &&
      'agents.cache: sent by the clients of the gateway with each call.',
  ]
  return lines.filter((line) => typeof line === 'string')
}

/** The cache settings of the policy, its teams and its agents. */
const cacheLayers = ({ cache, teams = {}, agents = {} }: Policy) =>
  [cache, ...[...Object.values(teams), ...Object.values(agents)].map((holder) => holder.cache)].map(
    (layer) => layer || undefined,
  )

/** Tells whether the policy has the exact cache on. */
export const hasExactCache = ({ cache }: Policy) => cache !== false && cache?.exact !== false
