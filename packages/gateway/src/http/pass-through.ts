import type { Counters } from '../account/counters.ts'
import type { PassThroughCall } from '../account/pass-through-record.ts'
import { refusalResponse } from '../body/refuse.ts'
import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import { type CallState, callStateOf as callOriginOf, detachCallState } from '../core/call-state.ts'
import type { Claim } from '../core/caller.ts'
import { currentContext } from '../core/context.ts'
import type { Complain } from '../core/controls.ts'
import type { OpenedKey } from '../core/egress.ts'
import { isPaid } from '../core/endpoints.ts'
import { FAULT, type Refusal } from '../core/refusal.ts'
import type { KeyProvider } from '../custody/key-provider.ts'
import { originOf, strayKey, withAuthorization } from '../egress/egress.ts'
import type { CallOptions } from '../identify/headers.ts'
import { checkedContext } from '../identify/schema.ts'
import { proxyFetchArgs } from '../litellm/target.ts'
import { leaving } from '../upstream/leave.ts'
import { type Fault, guarded } from '../util/faults.ts'
import type { createDirectCallObserver, FinishObservation, ObservedOutcome } from './observe.ts'
import { type ClientBinding, claimFrom, homeOf } from './request.ts'
import type { RequestHead } from './request-head.ts'
import { maySend } from './unexamined.ts'

export type PassThrough = ReturnType<typeof createPassThrough>

type Parts = {
  settings: Settings
  counters: Counters
  fault: Fault
  complain: Complain
  /** Told of answers that upstream was told to delete. */
  forget: (answerId: string) => Promise<unknown>
  /** Exchanges team keys for upstream's own; absent: callers bring that one. */
  keeper: KeyProvider | undefined
  policy: () => CompiledPolicy
  /** Reads along governed calls that go straight; absent where nobody listens. */
  watch: ReturnType<typeof createDirectCallObserver> | undefined
  /** Told how each request went; absent where nobody listens. */
  tell: ((passed: PassThroughCall, origin: CallState) => void) | undefined
  /** Told of what goes on when the caller has its answer. */
  track: (work: Promise<void>) => void
}

type PassedOutcome = { status: number; refusal?: string } | { error: unknown; aborted: boolean }
type Teller = (outcome: PassedOutcome) => void

/** What leaves, and who is told of it. */
type Plan = { args: Parameters<typeof fetch>; watched: FinishObservation | undefined }

/** The way of what is not governed, and of calls in mode `direct`: same arguments, same Response, told of afterwards. */
export function createPassThrough(parts: Parts) {
  const { settings, counters, fault, complain, keeper, policy: rules, watch, tell, track } = parts

  /** As the policy says: refused, through the proxy, under another key, or as it is. */
  async function send(
    entrance: ClientBinding,
    asked: RequestHead,
    told: CallOptions | undefined,
  ): Promise<Response> {
    counters.counts.passedThrough += 1
    const teller = guarded(() => tellerOf(asked, told), fault, 'a record')
    let plan: Plan | { refusal: Refusal }
    try {
      plan = await planOf(entrance, asked, told)
    } catch (error) {
      fault(error, 'a request that passes through')
      plan = maySend(parts, asked) ? asIs(entrance, asked) : { refusal: FAULT }
    }
    return 'refusal' in plan
      ? refused(asked, plan.refusal, teller)
      : await leave(entrance, asked, plan, teller)
  }

  async function planOf(
    entrance: ClientBinding,
    asked: RequestHead,
    told: CallOptions | undefined,
  ): Promise<Plan | { refusal: Refusal }> {
    const { init, headers, method } = asked
    const inForce = rules()
    const claim = claimOf(told)
    const refusal = settings.direct ? undefined : refusalOf(inForce, claim, asked)
    if (refusal !== undefined) return { refusal }
    const opened =
      keeper && (await openedFor(keeper, homeOf(settings, entrance), entrance, claim, inForce, asked))
    if (opened !== undefined && 'code' in opened) return { refusal: opened }
    const straight = method === 'POST' && inForce.anyDirect
    // An address that its owner changes meanwhile is not the one that the key was opened for.
    const input = opened === undefined || asked.request ? asked.input : asked.url
    const own = opened === undefined ? init : { ...init, headers: withAuthorization(headers, opened.key) }
    const proxy = inForce.proxyFor(claim.agent)
    const args = proxyFetchArgs(proxy, { ...entrance, key: told?.key }, input, own)
    const request = { ...headOf(args, asked), shown: claim.key, opened }
    const added = leaving(inForce.egress, entrance.transport, request)
    if ('code' in added) return { refusal: added }
    return {
      args: 'redirect' in added ? [args[0], { ...args[1], ...added }] : args,
      watched: straight ? guarded(() => watch?.(entrance, asked, told), fault, 'a direct call') : undefined,
    }
  }

  /** After a fault: nothing is known of the caller, and nothing is changed. */
  const asIs = (entrance: ClientBinding, asked: RequestHead): Plan => ({
    args: [asked.input, asked.init],
    watched: guarded(() => watch?.(entrance, asked, undefined), fault, 'a direct call'),
  })

  async function leave(
    { transport }: ClientBinding,
    { url, method, signal }: RequestHead,
    { args, watched }: Plan,
    teller: Teller | undefined,
  ): Promise<Response> {
    let response: Response
    guarded(() => detachCallState(args[1]), fault, 'a request that passes through')
    try {
      response = await transport(...args)
    } catch (error) {
      over({ error, aborted: signal?.aborted === true }, { error })
      throw error
    }
    over({ status: response.status }, watched && copyOf(response))
    const deleted = method === 'DELETE' ? /\/responses\/([^/?]+)$/.exec(url)?.[1] : undefined
    if (deleted !== undefined && response.ok) await forget(deleted)
    return response

    /** Told in full where it was read along, and else by its path. */
    function over(passed: PassedOutcome, outcome: ObservedOutcome | undefined) {
      if (watched === undefined || outcome === undefined) return teller?.(passed)
      const telling = watched(outcome).then(
        (isTold) => void (isTold || teller?.(passed)),
        (error: unknown) => {
          fault(error, 'a direct call')
          teller?.(passed)
        },
      )
      guarded(() => track(telling), fault, 'a direct call')
    }
  }

  /** The caller has the answer, whatever a foreign transport's Response can do. */
  const copyOf = (response: Response): ObservedOutcome | undefined =>
    guarded(() => ({ response: response.clone() }), fault, 'a direct call')

  async function forget(id: string): Promise<void> {
    try {
      await parts.forget(decodeURIComponent(id))
    } catch (error) {
      fault(error, 'the cache')
    }
  }

  function refused({ url }: RequestHead, refusal: Refusal, teller: Teller | undefined): Response {
    const response = refusalResponse(refusal, url)
    teller?.({ status: response.status, refusal: refusal.code })
    return response
  }

  const claimOf = (told: CallOptions | undefined): Claim =>
    claimFrom(settings, checkedContext(currentContext(), complain), told)

  /** Never throws: what cannot be told of a request must not keep it from its answer. */
  function tellerOf({ init, url, method }: RequestHead, told: CallOptions | undefined): Teller | undefined {
    if (tell === undefined) return undefined
    return guarded(
      () => {
        const origin = callOriginOf(init, settings.onCall !== undefined)
        const [at, startedAt] = [Date.now(), performance.now()]
        const caller = rules().resolveCaller(claimOf(told))
        return (outcome: PassedOutcome) =>
          void guarded(
            () => tell({ id: origin.id, caller, method, url, at, startedAt, ...outcome }, origin),
            fault,
            'a record',
          )
      },
      fault,
      'a record',
    )
  }

  return {
    send,
    /** Once, with the caller's own arguments. */
    async sendAsIs(entrance: ClientBinding, asked: RequestHead): Promise<Response> {
      counters.counts.passedThrough += 1
      return await leave(entrance, asked, asIs(entrance, asked), tellerOf(asked, undefined))
    },
    refuse: (asked: RequestHead, refusal: Refusal, told?: CallOptions): Response =>
      refused(asked, refusal, tellerOf(asked, told)),
  }
}

/** Where it goes and what it shows. */
function headOf(
  [input, init]: Parameters<typeof fetch>,
  asked: RequestHead,
): { url: string; headers: Headers } {
  if (input === asked.input && init === asked.init) return asked
  const request = input instanceof Request ? input : undefined
  const headers = init?.headers ?? request?.headers
  return {
    url: request?.url ?? (typeof input === 'string' ? input : asked.url),
    headers: headers instanceof Headers ? headers : new Headers(headers),
  }
}

/**
 * Upstream's own key, for a request that shows none, at the origin that the key is for. Elsewhere a request that counts on
 * it is refused; one that shows nothing at all, on no path of upstream's, is let go without.
 */
async function openedFor(
  keeper: KeyProvider,
  home: string | undefined,
  { relativePath: below, frozen }: ClientBinding,
  claim: Claim,
  { resolveCaller: who, egress }: CompiledPolicy,
  { url, headers }: RequestHead,
): Promise<OpenedKey | Refusal | undefined> {
  const { mode, team } = who(claim)
  if (claim.key === undefined || frozen || mode === 'litellm') return undefined
  if (!egress.lacksKey(headers, claim.key)) return undefined
  const origin = originOf(url)
  if (origin === undefined) return undefined
  if (origin !== home) return below(url) === undefined ? undefined : strayKey(origin, home)
  const key = await keeper.open(team, claim.key)
  return typeof key === 'string' ? { key, origin } : key
}

function refusalOf(
  { anyDisabled: someAreOff, resolveCaller: who, policy }: CompiledPolicy,
  claim: Claim,
  { url, method }: RequestHead,
): Refusal | undefined {
  const refusal = someAreOff ? who(claim).refusal : undefined
  if (refusal?.code === 'gateway_agent_off') return refusal
  if (policy.paidPassThrough !== 'refuse' || !isPaid(method, url)) return undefined
  return { code: 'gateway_pass_through_refused', message: PAID }
}

const PAID = 'This endpoint costs money and is outside the budget: the policy refuses it (paidPassThrough).'
