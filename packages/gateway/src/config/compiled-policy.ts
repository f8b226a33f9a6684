import type { CallPolicy } from '../core/call.ts'
import type { Caller, Claim } from '../core/caller.ts'
import type { Egress } from '../core/egress.ts'
import type { Mode, Policy } from '../core/policy.ts'
import { createEgress, originOf } from '../egress/egress.ts'
import { createDirectory } from '../identify/directory.ts'
import type { LitellmSettings } from '../litellm/options.ts'
import type { Switches } from '../policy/live/live.ts'
import { createPriceBook } from '../pricing/price-book.ts'
import { createChooser } from '../route/choose.ts'
import type { Settings } from './settings.ts'

/** A compiled policy. Each call keeps the one under which it began. */
export type CompiledPolicy = CallPolicy & {
  /** Resolves who makes a call, and what the policy allows that caller. */
  resolveCaller: (claim: Claim) => Caller
  /** How an agent's calls go. */
  modeOf: (agent: string | undefined) => Mode
  /** Some agents may be in mode `direct`. */
  anyDirect: boolean
  /** Some agents may be switched off. */
  anyDisabled: boolean
  /** The policy may refuse or redirect a call: one that was not examined must not leave. */
  binds: boolean
  /** The proxy that an agent's calls go through; `undefined`: none. */
  proxyFor: (agent: string | undefined) => LitellmSettings | undefined
}

type Parts = {
  settings: Settings
  switches: Switches
  /** The client has a credential of its own for upstream, and not only the proxy's. */
  hasKey: boolean
  say: (message: string) => void
}

export function compilePolicy(policy: Policy, parts: Parts): CompiledPolicy {
  const { models = {}, routing = {} } = policy
  const { aliases = {} } = routing
  const modeOf = modesOf(policy, parts)
  const { agents = {} } = policy
  const named = [undefined, ...Object.keys(agents), ...Object.keys(parts.switches.agents ?? {})]
  return {
    policy,
    secrets: { secret: parts.settings.cache.secret, key: parts.settings.key },
    resolveCaller: createDirectory(policy, parts.say, modeOf),
    modeOf,
    anyDirect: named.some((agent) => modeOf(agent) === 'direct'),
    anyDisabled: Object.values(agents).some(({ disabled: off }) => off),
    binds: binds(policy, parts.settings) || named.some((agent) => modeOf(agent) === 'litellm'),
    bindsCaller: (caller) => bindsCaller(caller, parts.settings),
    proxyFor: (agent) => (modeOf(agent) === 'litellm' ? parts.settings.litellm : undefined),
    egress: egressOf(policy, parts.settings),
    prices: createPriceBook(models, parts.say),
    warn: parts.say,
    routing: {
      choose: createChooser(routing),
      fallback: routing.fallback || undefined,
      resolveAlias: (model) => (Object.hasOwn(aliases, model) ? (aliases[model] ?? model) : model),
    },
  }
}

function egressOf({ teams = {} }: Policy, { key, litellm }: Settings): Egress {
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
        (quota !== undefined && [team.rpm, team.tpm, team.usdPerDay].some((limit) => limit !== undefined)),
    )
  )
}

const bindsCaller = (caller: Caller, { failClosed, custody, quota }: Settings): boolean =>
  failClosed ||
  custody ||
  caller.refusal !== undefined ||
  caller.models !== undefined ||
  (quota !== undefined && caller.limits !== undefined)

/**
 * How the calls of an agent go. What operators switch live counts more than what the process was told when it started,
 * and that more than a policy; but who was started straight stays straight, and nobody goes where there is no way.
 */
function modesOf(policy: Policy, { settings, switches, hasKey, say }: Parts) {
  const own = <T>(record: Record<string, T> | undefined, name: string | undefined): T | undefined =>
    name !== undefined && record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined

  return function modeOf(agent: string | undefined): Mode {
    if (settings.direct) return 'direct'
    const mode =
      own(switches.agents, agent)?.mode ??
      switches.mode ??
      settings.mode ??
      own(policy.agents, agent)?.mode ??
      policy.mode ??
      'embedded'
    if (mode === 'litellm' && settings.litellm === undefined) {
      say(`mode litellm is switched on, but ${NO_PROXY}: calls go as before`)
      return settings.mode ?? 'embedded'
    }
    if (mode !== 'litellm' && !hasKey && settings.litellm !== undefined) {
      say(
        `mode ${mode} is switched on, but this client has no key for OpenAI: its calls go on through LiteLLM`,
      )
      return 'litellm'
    }
    return mode
  }
}

const NO_PROXY = 'this process knows no proxy (LITELLM_BASE_URL and a key)'
