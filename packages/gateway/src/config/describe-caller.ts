import type { Caller, Claim } from '../core/caller.ts'
import { usd } from '../core/money.ts'
import type { ExactPolicy, Mode, Policy } from '../core/policy.ts'
import type { RefusalCode } from '../core/refusal-codes.ts'
import { createDirectory } from '../identify/directory.ts'
import type { Switches } from '../policy/live/live.ts'
import { modeInputs, resolveMode } from './mode.ts'
import { ownValue } from './own-value.ts'

/** Who makes a call, by its agent's name and its team key. */
export type CallerClaim = { agent?: string | undefined; key?: string | undefined }

/** What a policy grants a caller. */
export type CallerDescription = {
  agent: string
  team: string
  mode: Mode
  /** Limits of the team; absent: it has none. `usdPerDay`: US dollars. */
  limits?: { rpm?: number; tpm?: number; usdPerDay?: number }
  /** Models that it may name; absent: any. */
  models?: string[]
  /** Lifetimes in the exact cache, in seconds; absent: the cache is off. */
  exact?: Required<ExactPolicy>
  /** Settings of the semantic cache, `ttlSeconds` in seconds; absent: it is off. */
  semantic?: { mode: 'shadow' | 'auto' | 'on'; ttlSeconds: number; judge?: string }
  /** Between whom its cached answers are shared. */
  shared: { teams: boolean; users: boolean; accounts: boolean }
  capture: Caller['capture']
  /** 0 goes first, 9 last. */
  priority: number
  onLimit: Caller['onLimit']
  /** Why each of its calls is refused; absent: they are not. */
  refusal?: { code: RefusalCode; message: string }
}

/**
 * Returns what a policy grants a caller, as a client with a key for upstream and no LiteLLM proxy would see it. `switches`
 * are those applied to the policy already, for the words of a refusal.
 */
export function describeCaller(
  policy: Policy,
  { agent, key }: CallerClaim,
  switches: Switches = {},
): CallerDescription {
  const own = { startedDirect: false, option: undefined, hasProxy: true, hasKey: true }
  const claim: Claim = { agent, key, team: undefined }
  const resolve = createDirectory(
    policy,
    () => undefined,
    (name) => resolveMode(modeInputs(policy, switches, name, own)).mode,
    (name) => ownValue(switches.agents, name)?.disabled === true,
  )
  return descriptionOf(resolve(claim))
}

function descriptionOf(caller: Caller): CallerDescription {
  const { limits, models, exact, semantic, refusal } = caller
  return {
    agent: caller.agent,
    team: caller.team,
    mode: caller.mode,
    ...(limits && { limits: limitsOf(limits) }),
    ...(models && { models: [...models] }),
    ...(exact && caller.cacheable && { exact }),
    ...(semantic && caller.cacheable && { semantic: semanticOf(semantic) }),
    shared: { teams: caller.crossTeamCache, users: !caller.perUser, accounts: caller.accountsShare },
    capture: caller.capture,
    priority: caller.priority,
    onLimit: caller.onLimit,
    ...(refusal && { refusal: { code: refusal.code, message: refusal.message } }),
  }
}

const semanticOf = ({ mode, ttlSeconds, judge }: NonNullable<Caller['semantic']>) => ({
  mode,
  ttlSeconds,
  ...(judge && { judge: judge.model }),
})

const limitsOf = ({ rpm, tpm, usdPerDay }: NonNullable<Caller['limits']>) => ({
  ...(rpm !== undefined && { rpm }),
  ...(tpm !== undefined && { tpm }),
  ...(usdPerDay !== undefined && { usdPerDay: usd(usdPerDay) }),
})
