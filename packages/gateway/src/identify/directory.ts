import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Caller, Claim } from '../core/caller.ts'
import type { Log } from '../core/log-codes.ts'
import { nanoUsd } from '../core/money.ts'
import type { AgentPolicy, CachePolicy, Mode, Policy, TeamPolicy } from '../core/policy.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import {
  DEFAULT_WHILE_UNAVAILABLE,
  isLimited,
  type Limits,
  type WhileUnavailable,
} from '../core/team-limits.ts'
import { planOf } from '../policy/semantic-plan.ts'

const EXACT_DEFAULTS = { ttlSeconds: 86_400, staleIfErrorSeconds: 3_600, staleWhileRevalidateSeconds: 0 }
const CAPTURE = 'masked'
const WAIT_DEFAULTS = { onLimit: 'reject', priority: 5, maxWaitMs: 30_000, maxQueued: 1_000 } as const

/** Characters of a key's hash that tell the keys of one team apart. */
const KEY_ID_CHARS = 12

/**
 * Creates the lookup from claims to callers. A team key outranks a claimed name. Keys are checked only in mode
 * `embedded`: in other modes an unknown key is no reason to refuse.
 * @param warn Receives messages for operators; the caller drops repeated ones.
 * @param isSwitchedOff Returns whether a switch, and not the policy itself, disables an agent.
 */
export function createDirectory(
  policy: Policy,
  warn: Log,
  modeOf: (agent: string | undefined) => Mode,
  isSwitchedOff: (agent: string) => boolean = () => false,
) {
  const teams = policy.teams ?? {}
  const teamOfAgent = new Map<string, string>()
  const teamOfKey = new Map<string, string>()
  for (const [name, team] of Object.entries(teams)) {
    for (const agent of team.agents ?? []) teamOfAgent.set(agent, name)
    for (const hash of team.keys ?? []) teamOfKey.set(hash.toLowerCase(), name)
  }
  const known = new LRUCache<string, Caller>({ max: 1_000 })

  function resolve({ agent, key, team: declared }: Claim): Caller {
    const mode = modeOf(agent)
    const judges = mode === 'embedded'
    const keyHash = key === undefined ? undefined : sha256(key)
    const keyTeam = keyHash === undefined ? undefined : teamOfKey.get(keyHash)
    if (judges && key !== undefined && keyTeam === undefined && teamOfKey.size > 0)
      return unknownCaller(agent, mode, 'matches no team')
    const named = (agent === undefined ? undefined : teamOfAgent.get(agent)) ?? declared
    const name = keyTeam ?? named ?? 'default'
    const team = Object.hasOwn(teams, name) ? teams[name] : undefined
    const owner = named === undefined ? undefined : teams[named]
    if (judges && owner?.requireKey && keyTeam !== named)
      return unknownCaller(agent, mode, `is not one of team ${named}, which requires one`)
    if (team === undefined && mode !== 'direct') warnUnlimited(agent, [...teamOfAgent.keys()], warn)
    const caller = callerOf(policy, agent ?? 'default', name, team, mode)
    if (keyTeam !== undefined && keyHash !== undefined) caller.keyId = keyHash.slice(0, KEY_ID_CHARS)
    if (!agentPolicyOf(policy, caller.agent)?.disabled) return caller
    return { ...caller, refusal: disabledRefusal(caller.agent, isSwitchedOff(caller.agent)) }
  }

  /** The claim resolved last: most calls of a process make the same one. */
  let last: { claim: Claim; caller: Caller } | undefined

  return function resolveCaller(claim: Claim): Caller {
    if (last !== undefined && areEqual(last.claim, claim)) return last.caller
    const id = idOf(claim.agent) + idOf(claim.key) + idOf(claim.team)
    const caller = known.get(id) ?? resolve(claim)
    known.set(id, caller)
    last = { claim, caller }
    return caller
  }
}

const areEqual = (one: Claim, other: Claim) =>
  one.agent === other.agent && one.key === other.key && one.team === other.team

/** Prefixes each part with its length, so that different claims have different ids. */
const idOf = (part: string | undefined) => (part === undefined ? '-' : `${part.length}:${part}`)

const agentPolicyOf = ({ agents = {} }: Policy, agent: string): AgentPolicy | undefined =>
  Object.hasOwn(agents, agent) ? agents[agent] : undefined

function callerOf(
  policy: Policy,
  agent: string,
  name: string,
  team: TeamPolicy | undefined,
  mode: Mode,
): Caller {
  const agentPolicy = agentPolicyOf(policy, agent)
  const layers = [policy.cache, team?.cache, agentPolicy?.cache]
  const exact = layers.reduce(narrowExact, EXACT_DEFAULTS as Caller['exact'])
  return {
    agent,
    team: name,
    mode,
    limits: team && limitsOf(team, policy),
    capture: agentPolicy?.capture ?? CAPTURE,
    models: modelsOf(policy, team),
    exact,
    semantic: planOf(layers),
    cacheable: layers.every((layer) => layer !== false),
    crossTeamCache: isWidened(layers, 'shared'),
    perUser: layers.some((layer) => layer && layer.sharedBetweenUsers === false),
    accountsShare: isWidened(layers, 'sharedBetweenAccounts'),
    onLimit: team?.onLimit ?? WAIT_DEFAULTS.onLimit,
    priority: agentPolicy?.priority ?? WAIT_DEFAULTS.priority,
    maxWaitMs: team?.maxWaitMs ?? WAIT_DEFAULTS.maxWaitMs,
    maxQueued: team?.maxQueued ?? WAIT_DEFAULTS.maxQueued,
  }
}

/** Wider sharing needs one layer that allows it and none that forbids it, outer or inner. */
function isWidened(
  layers: (false | CachePolicy | undefined)[],
  name: 'shared' | 'sharedBetweenAccounts',
): boolean {
  const given = layers.map((layer) => (layer === false ? false : layer?.[name]))
  return given.includes(true) && !given.includes(false)
}

/** A policy that names no models forbids none. */
function modelsOf({ models }: Policy, team: TeamPolicy | undefined): ReadonlySet<string> | undefined {
  const names = team?.models ?? (team && models && Object.keys(models))
  return names && new Set(names)
}

/** Inner layers override outer ones, but cannot switch on what an outer layer switched off. */
function narrowExact(outer: Caller['exact'], layer: false | CachePolicy | undefined): Caller['exact'] {
  if (outer === undefined || layer === false || layer?.exact === false) return undefined
  return layer?.exact === undefined ? outer : { ...outer, ...layer.exact }
}

function limitsOf(team: TeamPolicy, { timezone = 'UTC', version }: Policy): Limits | undefined {
  const { rpm, tpm, usdPerDay, onRedisUnavailable } = team
  if (!isLimited(team)) return undefined
  const limits: Limits = { tpmMode: team.tpmMode ?? 'expected', timezone }
  if (rpm !== undefined) limits.rpm = rpm
  if (tpm !== undefined) limits.tpm = tpm
  if (usdPerDay !== undefined) limits.usdPerDay = nanoUsd(usdPerDay)
  if (version !== undefined) limits.version = version
  if (onRedisUnavailable !== undefined) limits.whileUnavailable = whileUnavailableOf(onRedisUnavailable)
  return limits
}

function whileUnavailableOf(given: NonNullable<TeamPolicy['onRedisUnavailable']>): WhileUnavailable {
  if (typeof given === 'string') return { ...DEFAULT_WHILE_UNAVAILABLE, rates: given, dollars: given }
  const {
    rates = DEFAULT_WHILE_UNAVAILABLE.rates,
    dollars = DEFAULT_WHILE_UNAVAILABLE.dollars,
    leased = DEFAULT_WHILE_UNAVAILABLE.leased,
    allowanceUsd = 0,
    allowance: allowanceOfRates,
  } = given
  return { rates, dollars, leased, allowance: nanoUsd(allowanceUsd), allowanceOfRates }
}

function warnUnlimited(agent: string | undefined, agents: string[], warn: Log) {
  if (agent === undefined)
    return warn('GW_NO_AGENT', 'no agent and no team key given: calls run in team "default", without limits')
  const near = agents.find(
    (name) => name.toLowerCase().replace(/\W/g, '') === agent.toLowerCase().replace(/\W/g, ''),
  )
  const hint = near ? `; did you mean "${near}"?` : ''
  warn(
    'GW_AGENT_WITHOUT_TEAM',
    `agent ${JSON.stringify(agent)} is in no team of the policy: it runs in team "default", without limits${hint}`,
  )
}

const disabledRefusal = (agent: string, isSwitchedOff: boolean): Refusal => ({
  code: 'gateway_agent_off',
  message: isSwitchedOff
    ? `An operator has switched the agent ${JSON.stringify(agent)} off. To switch it on again: llm-gateway switch agent ${agent} on`
    : `The policy disables the agent ${JSON.stringify(agent)}. To enable it, remove agents[${JSON.stringify(agent)}].disabled from the policy.`,
})

const unknownCaller = (agent: string | undefined, mode: Mode, why: string): Caller => ({
  agent: agent ?? 'default',
  team: 'unknown',
  mode,
  limits: undefined,
  capture: 'off',
  models: undefined,
  exact: undefined,
  semantic: undefined,
  cacheable: false,
  crossTeamCache: false,
  perUser: false,
  accountsShare: false,
  ...WAIT_DEFAULTS,
  refusal: {
    code: 'gateway_unknown_key',
    message: `The team key ${why}. Set LLM_GATEWAY_KEY, or gateway.key, to a key whose SHA-256 the policy lists.`,
  },
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
