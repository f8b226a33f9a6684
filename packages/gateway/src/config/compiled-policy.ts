import type { CallPolicy } from '../core/call.ts'
import type { Caller, Claim } from '../core/caller.ts'
import type { Egress } from '../core/egress.ts'
import type { Log } from '../core/log-codes.ts'
import type { Mode, Policy } from '../core/policy.ts'
import { isLimited } from '../core/team-limits.ts'
import { createEgress, originOf } from '../egress/egress.ts'
import { createDirectory } from '../identify/directory.ts'
import type { LitellmSettings } from '../litellm/options.ts'
import type { Switches } from '../policy/live/live.ts'
import { createPriceBook } from '../pricing/price-book.ts'
import { createChooser } from '../route/choose.ts'
import { modeInputs, modeReason, resolveMode } from './mode.ts'
import { ownValue } from './own-value.ts'
import type { Settings } from './settings.ts'

/** A compiled policy. Each call keeps the one that was in force when it began. */
export type CompiledPolicy = CallPolicy & {
  /** Resolves who makes a call, and what the policy allows that caller. */
  resolveCaller: (claim: Claim) => Caller
  /** Returns the mode of an agent's calls; of those without an agent for `undefined`. */
  modeOf: (agent: string | undefined) => Mode
  /** Whether any agent is in mode `direct`. */
  anyDirect: boolean
  /** Whether any agent is disabled. */
  anyDisabled: boolean
  /** Whether the policy can refuse or redirect a call: a request that was not examined must not leave. */
  binds: boolean
  /** Returns the proxy that an agent's calls go through; `undefined` outside mode `litellm`. */
  proxyFor: (agent: string | undefined) => LitellmSettings | undefined
}

type Parts = {
  settings: Settings
  switches: Switches
  /** Whether the client has a credential for upstream, its own or by custody. */
  hasKey: boolean
  /** Drops repeated messages. */
  log: Log
}

export function compilePolicy(policy: Policy, parts: Parts): CompiledPolicy {
  const { settings, switches, log } = parts
  const { models = {}, routing = {}, agents = {} } = policy
  const modeOf = createModeOf(policy, parts)
  const isSwitchedOff = (agent: string) => ownValue(switches.agents, agent)?.disabled === true
  const named = [undefined, ...Object.keys(agents), ...Object.keys(switches.agents ?? {})]
  return {
    policy,
    secrets: { secret: settings.cache.secret, key: settings.key },
    resolveCaller: createDirectory(policy, log, modeOf, isSwitchedOff),
    modeOf,
    anyDirect: named.some((agent) => modeOf(agent) === 'direct'),
    anyDisabled: Object.values(agents).some(({ disabled }) => disabled),
    binds: binds(policy, settings) || named.some((agent) => modeOf(agent) === 'litellm'),
    bindsCaller: (caller) => bindsCaller(caller, settings),
    proxyFor: (agent) => (modeOf(agent) === 'litellm' ? settings.litellm : undefined),
    egress: createEgressFor(policy, settings),
    prices: createPriceBook(models, log),
    warn: log,
    routing: {
      choose: createChooser(routing),
      fallback: routing.fallback || undefined,
      resolveAlias: (model) => ownValue(routing.aliases, model) ?? model,
    },
  }
}

function createModeOf(policy: Policy, { settings, switches, hasKey, log }: Parts) {
  const { direct: startedDirect, mode: option, litellm } = settings
  const own = { startedDirect, option, hasKey, hasProxy: litellm !== undefined }
  return function modeOf(agent: string | undefined): Mode {
    const resolved = resolveMode(modeInputs(policy, switches, agent, own))
    if (resolved.reason !== undefined) log(resolved.reason, modeReason(resolved))
    return resolved.mode
  }
}

function createEgressFor({ teams = {} }: Policy, { key, litellm }: Settings): Egress {
  const hashes = Object.values(teams).flatMap(({ keys = [] }) => keys)
  return createEgress({ hashes, keys: [key, litellm?.apiKey], proxy: litellm && originOf(litellm.base) })
}

function binds(policy: Policy, { failClosed, custody, quota }: Settings): boolean {
  const { teams = {}, agents = {}, models, paidPassThrough } = policy
  return (
    failClosed ||
    custody ||
    paidPassThrough === 'refuse' ||
    Object.values(agents).some(({ disabled: off }) => off) ||
    Object.values(teams).some(
      (team) =>
        models !== undefined ||
        team.models !== undefined ||
        team.requireKey ||
        (team.keys ?? []).length > 0 ||
        (quota !== undefined && isLimited(team)),
    )
  )
}

const bindsCaller = (caller: Caller, { failClosed, custody, quota }: Settings): boolean =>
  failClosed ||
  custody ||
  caller.refusal !== undefined ||
  caller.models !== undefined ||
  (quota !== undefined && caller.limits !== undefined)
