import type { LogCode } from '../core/log-codes.ts'
import type { Mode, Policy } from '../core/policy.ts'
import type { Switches } from '../policy/live/live.ts'
import { ownValue } from './own-value.ts'

/** Everything that decides the mode of an agent's calls. A layer is `undefined` where it says nothing. */
export type ModeInputs = {
  /** The program was started in mode `direct`: nothing changes that, and no switch is read. */
  startedDirect: boolean
  /** Layers, the strongest first. */
  agentSwitch: Mode | undefined
  switch: Mode | undefined
  /** Option `mode`, or LLM_GATEWAY_MODE. */
  option: Mode | undefined
  agentPolicy: Mode | undefined
  policy: Mode | undefined
  /** A LiteLLM proxy is configured. */
  hasProxy: boolean
  /** The client has a credential for upstream, or custody provides one. */
  hasKey: boolean
}

/** A mode, and the code of the reason why it is not `wanted`, the mode that the layers ask for. */
export type ResolvedMode = { mode: Mode; wanted: Mode; reason?: LogCode }

/** Resolves a mode: the strongest layer counts, unless its mode is impossible for this client. */
export function resolveMode(inputs: ModeInputs): ResolvedMode {
  if (inputs.startedDirect) return { mode: 'direct', wanted: 'direct' }
  const { option, hasProxy, hasKey } = inputs
  const wanted =
    inputs.agentSwitch ?? inputs.switch ?? option ?? inputs.agentPolicy ?? inputs.policy ?? 'embedded'
  if (wanted === 'litellm' && !hasProxy)
    return { mode: option ?? 'embedded', wanted, reason: 'GW_MODE_WITHOUT_PROXY' }
  if (wanted !== 'litellm' && !hasKey && hasProxy)
    return { mode: 'litellm', wanted, reason: 'GW_MODE_WITHOUT_KEY' }
  return { mode: wanted, wanted }
}

/** Returns the inputs for one agent, under a policy and its switches. */
export function modeInputs(
  policy: Policy,
  switches: Switches,
  agent: string | undefined,
  own: Pick<ModeInputs, 'startedDirect' | 'option' | 'hasProxy' | 'hasKey'>,
): ModeInputs {
  return {
    ...own,
    agentSwitch: ownValue(switches.agents, agent)?.mode,
    switch: switches.mode,
    agentPolicy: ownValue(policy.agents, agent)?.mode,
    policy: policy.mode,
  }
}

/** Says why a mode that is switched on has no effect. */
export const modeReason = ({ wanted }: ResolvedMode): string =>
  wanted === 'litellm'
    ? 'mode litellm is switched on, but this process knows no proxy (LITELLM_BASE_URL and a key): calls go as before'
    : `mode ${wanted} is switched on, but this client has no key for OpenAI: its calls go on through LiteLLM`
