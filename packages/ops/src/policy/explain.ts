import type { Policy } from '@hotdash/llm-gateway'
import { type CallerDescription, describeCaller } from '@hotdash/llm-gateway/caller'
import { applySwitches, type Switches } from '@hotdash/llm-gateway/policy'
import { counted } from '../cli/format.ts'
import type { RequestBody, Simulated } from './simulate.ts'

/** A policy, where it comes from in words, and the switches over it. */
export type PolicyAt = { policy: Policy; source: string; switches: Switches; version: number }

export type Question = {
  agent?: string | undefined
  /** Team key. */
  key?: string | undefined
  body: RequestBody
  /** Whether the body is made up: of its text only the length counts. */
  isMadeUp: boolean
}

/** One line of an explanation: what holds, and why. */
export type Line = { what: string; value: string; why: string }

export type Explanation = { caller: CallerDescription; outcome?: Simulated; lines: Line[] }

/** Explains what a call would meet under a policy, by sending it through the real gateway without an upstream. */
export async function explain(at: PolicyAt, question: Question): Promise<Explanation> {
  const policy = applySwitches(at)
  const { agent, key, body } = question
  const caller = describeCaller(policy, { agent, key }, at.switches)
  const who = [
    {
      what: 'policy',
      value:
        policy.version === undefined ? at.source : `${at.source}, version ${at.version || policy.version}`,
      why: switchesWhy(at.switches),
    },
    { what: 'team', value: caller.team, why: teamWhy(policy, question, caller) },
    { what: 'mode', value: caller.mode, why: modeWhy(policy, at.switches, caller) },
  ]
  if (caller.mode !== 'embedded')
    return { caller, lines: [...who, { what: 'result', value: RESULTS[caller.mode], why: '' }] }
  // Loads the whole gateway.
  const { simulate } = await import('./simulate.ts')
  const outcome = await simulate(policy, { agent, key }, body)
  return {
    caller,
    outcome,
    lines: [
      ...who,
      ...modelLines(policy, caller, body, outcome),
      ...limitLines(caller, outcome, policy),
      ...cacheLines(policy, caller, outcome),
    ],
  }
}

const RESULTS = {
  direct: 'sent to upstream as it is: no cache, no limit, no routing',
  litellm: 'sent through the LiteLLM proxy, whose own limits and caches count',
}

const switchesWhy = (switches: Switches) => {
  const names = Object.keys(switches)
  return names.length === 0 ? 'no switch is set' : `with the switches applied: ${names.join(', ')}`
}

function teamWhy({ teams = {} }: Policy, { agent, key }: Question, { team }: CallerDescription): string {
  if (key !== undefined && team !== 'unknown') return `teams.${team}.keys lists the hash of the team key`
  if (agent === undefined) return 'the call names no agent and shows no team key'
  if (team in teams) return `teams.${team}.agents lists ${agent}`
  return team === 'unknown'
    ? 'the team key is not accepted'
    : `no team lists the agent ${agent}: no limit applies`
}

function modeWhy({ agents = {}, mode }: Policy, switches: Switches, { agent }: CallerDescription): string {
  if (switches.agents?.[agent]?.mode ?? switches.mode)
    return 'a switch says so; the option gateway.mode is weaker'
  const field =
    agents[agent]?.mode === undefined ? (mode === undefined ? undefined : 'mode') : `agents.${agent}.mode`
  return field === undefined
    ? 'the default; LLM_GATEWAY_MODE or gateway.mode may say otherwise'
    : `${field} says so; LLM_GATEWAY_MODE or gateway.mode may say otherwise`
}

function modelLines(
  policy: Policy,
  caller: CallerDescription,
  body: RequestBody,
  outcome: Simulated,
): Line[] {
  const may: Line = {
    what: 'may name',
    value: caller.models?.join(', ') ?? 'any model',
    why:
      caller.models === undefined
        ? caller.team in (policy.teams ?? {})
          ? 'the team has no list, and the policy names no models'
          : `${caller.team} is no team of the policy, so that no list binds it`
        : policy.teams?.[caller.team]?.models === undefined
          ? 'the models that the policy prices: the team has no list of its own'
          : `teams.${caller.team}.models`,
  }
  if ('refused' in outcome)
    return [
      {
        what: 'result',
        value: `refused: ${outcome.refused.status} ${outcome.refused.code}`,
        // The simulated client sees the switches as part of the policy.
        why: caller.refusal?.message ?? outcome.refused.message,
      },
      may,
    ]
  return [{ what: 'model', value: outcome.model, why: routeWhy(policy, body, outcome) }, may]
}

function routeWhy(
  { routing = {} }: Policy,
  { model }: RequestBody,
  outcome: Exclude<Simulated, { refused: unknown }>,
): string {
  const { route } = outcome
  const named = typeof model === 'string' ? `the call names ${model}` : 'the call names no model'
  const above = routing.escalate ? routing.escalate.above : undefined
  const alias = typeof model === 'string' && routing.aliases?.[model] === outcome.model
  if (alias) return `${named}, in whose place routing.aliases puts it`
  if (route === 'escalated') return `${named}; the input has more than ${above} tokens: routing.escalate.to`
  if (route === 'requested') return `${named}, which the team may name: it is not routed`
  if (above === undefined) return `${named}: routing.default answers`
  return `${named}: routing.default answers an input of up to ${above} tokens (routing.escalate.above)`
}

function limitLines(caller: CallerDescription, outcome: Simulated, policy: Policy): Line[] {
  const { rpm, tpm, usdPerDay } = caller.limits ?? {}
  const field = `teams.${caller.team}`
  if (caller.limits === undefined)
    return [{ what: 'limits', value: 'none', why: `${caller.team} has no rpm, tpm or usdPerDay` }]
  const { tokens } = 'refused' in outcome ? {} : outcome.hold
  const atLimit = caller.onLimit === 'wait' ? 'at the limit a call waits' : 'at the limit: 429'
  return [
    ...(rpm === undefined
      ? []
      : [{ what: 'limit', value: `${counted(rpm, 'request')} per minute`, why: `${field}.rpm; ${atLimit}` }]),
    ...(tpm === undefined
      ? []
      : [
          {
            what: 'limit',
            value: `${counted(tpm, 'token')} per minute`,
            why: `${field}.tpm${tokens === undefined ? '' : `; this call holds ${tokens} until its answer is known`}`,
          },
        ]),
    ...(usdPerDay === undefined
      ? []
      : [
          {
            what: 'limit',
            value: `$${usdPerDay} per day (${policy.timezone ?? 'UTC'})`,
            why: `${field}.usdPerDay`,
          },
        ]),
  ]
}

function cacheLines(policy: Policy, caller: CallerDescription, outcome: Simulated): Line[] {
  const { exact, semantic, shared } = caller
  const among = [
    shared.teams ? 'all teams' : `team ${caller.team}`,
    ...(shared.users ? [] : ['one end user']),
    ...(shared.accounts ? [] : ['one key for upstream']),
  ].join(', ')
  const isOut = !('refused' in outcome) && !outcome.cacheable
  return [
    exact === undefined
      ? { what: 'exact cache', value: 'off', why: 'a layer of the policy has it off, or a switch' }
      : {
          what: 'exact cache',
          value: isOut ? 'not for this call' : `${exact.ttlSeconds} s`,
          why: isOut ? 'such a call is never cached (docs/caches-and-quotas.md)' : `shared within ${among}`,
        },
    semantic === undefined
      ? { what: 'semantic cache', value: 'off', why: 'no layer of the policy has it on' }
      : {
          what: 'semantic cache',
          value: semantic.mode,
          why: `${layerOf(policy, caller)}; a miss pays for an embedding of the question`,
        },
  ]
}

/** Names the innermost layer that sets the mode of the semantic cache. */
function layerOf({ agents = {}, teams = {} }: Policy, { agent, team }: CallerDescription): string {
  const sets = (cache: false | { semantic?: false | object } | undefined) =>
    cache !== undefined && cache !== false && cache.semantic !== undefined
  if (sets(agents[agent]?.cache)) return `agents.${agent}.cache.semantic`
  return sets(teams[team]?.cache) ? `teams.${team}.cache.semantic` : 'cache.semantic'
}
