import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import { type CallState, callStateOf } from '../core/call-state.ts'
import type { Caller, Claim } from '../core/caller.ts'
import type { GatewayContext } from '../core/context.ts'
import type { Complain } from '../core/controls.ts'
import { type CallOptions, readHeaders } from '../identify/headers.ts'
import { checkedContext } from '../identify/schema.ts'
import type { CleanRequest } from './clean-request.ts'

/** What a request says before its body is read: where it goes, who makes it, with which controls. Read once. */
export type RequestHead = CleanRequest & {
  /** Controls and team key of the gateway's headers. Absent without such headers. */
  options: CallOptions | undefined
  /** State of the SDK call that this request is an attempt of; a new one for requests of other clients. */
  state: CallState
  /** The caller's `withGateway` context, checked. */
  context: GatewayContext | undefined
  claim: Claim
  /** The policy in force when the request was made. */
  policy: CompiledPolicy
  /** Resolves `claim` under `policy`, at the first use: it may log, and hashes the key. */
  caller: () => Caller
}

export type HeadDeps = {
  settings: Settings
  /** Returns the policy in force. */
  policy: () => CompiledPolicy
  /** Receives the names of controls that are ignored. */
  complain: Complain
}

export function readHead(
  request: CleanRequest,
  { settings, policy: inForce, complain }: HeadDeps,
): RequestHead {
  const { gatewayHeaders, init } = request
  const policy = inForce()
  const options = gatewayHeaders && readHeaders(gatewayHeaders, complain)
  const state = callStateOf(init, settings.onCall !== undefined)
  const context = checkedContext(state.context, complain)
  const claim = claimFrom(settings, context, options)
  let caller: Caller | undefined
  return {
    ...request,
    options,
    state,
    context,
    claim,
    policy,
    caller: () => (caller ??= policy.resolveCaller(claim)),
  }
}

/** Takes each part of a claim from the request's headers, else its context, else the client's options. */
const claimFrom = (
  settings: Settings,
  context: GatewayContext | undefined,
  options: CallOptions | undefined,
): Claim => ({
  agent: options?.agent ?? context?.agent ?? settings.agent,
  key: options?.key ?? settings.key,
  team: settings.team,
})
