import type { Settings } from '../config/settings.ts'
import type { OpenedKey } from '../core/egress.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import type { KeyProvider } from '../custody/key-provider.ts'
import { originOf, strayKey, withAuthorization } from '../egress/egress.ts'
import { proxyFetchArgs } from '../litellm/target.ts'
import { isPaid } from '../operations/endpoints.ts'
import { egressInit } from '../upstream/egress-init.ts'
import type { CleanRequest } from './clean-request.ts'
import { type ClientBinding, keyOriginOf } from './request.ts'
import type { RequestHead } from './request-head.ts'

type FetchArgs = Parameters<typeof fetch>

type Deps = {
  settings: Settings
  /** Exchanges team keys for upstream's own. Absent without custody. */
  keyProvider: KeyProvider | undefined
}

/** Returns the arguments that a request leaves with: unchanged, to the proxy, or with another key; or its refusal. */
export async function planPassThrough(
  { settings, keyProvider }: Deps,
  binding: ClientBinding,
  head: RequestHead,
): Promise<{ args: FetchArgs } | { refusal: Refusal }> {
  const { init, headers, policy, claim } = head
  const refusal = settings.direct ? undefined : refusalOf(head)
  if (refusal !== undefined) return { refusal }
  const opened = keyProvider && (await openKey(keyProvider, keyOriginOf(settings, binding), binding, head))
  if (opened !== undefined && 'code' in opened) return { refusal: opened }
  // The text of the address, not the URL object: its owner may change that after the key was opened for it.
  const input = opened === undefined || head.request ? head.input : head.url
  const ownInit = opened === undefined ? init : { ...init, headers: withAuthorization(headers, opened.key) }
  const { relativePath, immutable: frozen } = binding
  const target = { relativePath, frozen, key: head.options?.key }
  const args = proxyFetchArgs(policy.proxyFor(claim.agent), target, input, ownInit)
  const outgoing = { ...destinationOf(args, head), shown: claim.key, opened }
  const added = egressInit(policy.egress, binding.transport, outgoing)
  if ('code' in added) return { refusal: added }
  return { args: 'redirect' in added ? [args[0], { ...args[1], ...added }] : args }
}

/** Reads the address and headers that the arguments of a `fetch` lead to. */
function destinationOf(
  [input, init]: FetchArgs,
  request: CleanRequest,
): Pick<CleanRequest, 'url' | 'headers'> {
  if (input === request.input && init === request.init) return request
  const sent = input instanceof Request ? input : undefined
  const headers = init?.headers ?? sent?.headers
  return {
    url: sent?.url ?? (typeof input === 'string' ? input : request.url),
    headers: headers instanceof Headers ? headers : new Headers(headers),
  }
}

/**
 * Opens upstream's own key for a request without one, at the origin that the key is for. A request that needs the key at
 * another origin is refused; one to an unrelated address that carries no key at all needs none.
 */
async function openKey(
  keyProvider: KeyProvider,
  keyOrigin: string | undefined,
  { relativePath, immutable }: ClientBinding,
  { url, headers, claim, policy, caller }: RequestHead,
): Promise<OpenedKey | Refusal | undefined> {
  const { mode, team } = caller()
  if (claim.key === undefined || immutable || mode === 'litellm') return undefined
  if (!policy.egress.lacksKey(headers, claim.key)) return undefined
  const origin = originOf(url)
  if (origin === undefined) return undefined
  if (origin !== keyOrigin) return relativePath(url) === undefined ? undefined : strayKey(origin, keyOrigin)
  const key = await keyProvider.open(team, claim.key)
  return typeof key === 'string' ? { key, origin } : key
}

function refusalOf({ policy, caller, url, method }: RequestHead): Refusal | undefined {
  const refusal = policy.anyDisabled ? caller().refusal : undefined
  if (refusal?.code === 'gateway_agent_off') return refusal
  if (policy.policy.paidPassThrough !== 'refuse' || !isPaid(method, url)) return undefined
  return { code: 'gateway_pass_through_refused', message: PAID }
}

const PAID = 'This endpoint costs money and is outside the budget: the policy refuses it (paidPassThrough).'
