import type { Passed } from './account/passed.ts'
import type { Counters } from './account/stats.ts'
import type { CacheStore } from './cache/store.ts'
import type { Keeper } from './custody/keeper.ts'
import { authorized, standsIn } from './custody/stage.ts'
import { isPaid } from './governed.ts'
import { currentContext } from './identify/context.ts'
import {
  type CallOptions,
  hasGatewayHeaders,
  readHeaders,
  withoutGatewayHeaders,
} from './identify/headers.ts'
import { type Origin, originOf } from './identify/origin.ts'
import type { Claim } from './identify/who.ts'
import { claimOf, type Entrance } from './incoming.ts'
import { turned } from './litellm/aim.ts'
import { type Refusal, refusalResponse } from './refuse.ts'
import type { Rules } from './rules.ts'
import type { Settings } from './settings.ts'
import type { createWatch, Outcome } from './watch.ts'

export type PassThrough = ReturnType<typeof createPassThrough>

type Parts = {
  settings: Settings
  counters: Counters
  answers: CacheStore
  /** Exchanges team keys for upstream's own; absent: callers bring that one. */
  keeper: Keeper | undefined
  rules: () => Rules
  /** Reads along governed calls that go straight; absent where nobody listens. */
  watch: ReturnType<typeof createWatch> | undefined
  /** Told how each request went; absent where nobody listens. */
  tell: ((passed: Passed, origin: Origin) => void) | undefined
  /** Told of what goes on when the caller has its answer. */
  track: (work: Promise<void>) => void
}

/** The way of what is not governed, and of calls in mode `direct`: same arguments, same Response, told of afterwards. */
export function createPassThrough(parts: Parts) {
  const { settings, counters, answers, keeper, rules, watch, tell, track } = parts

  return async function passThrough(
    entrance: Entrance,
    input: Parameters<typeof fetch>[0],
    init: RequestInit | undefined,
    { url, method }: { url: string; method: string },
  ): Promise<Response> {
    counters.counts.passedThrough += 1
    const { transport } = entrance
    const inForce = rules()
    const sent = init?.headers === undefined ? undefined : new Headers(init.headers)
    const marked = sent !== undefined && hasGatewayHeaders(sent)
    const told: CallOptions = marked ? readHeaders(sent) : {}
    const claim = claimOf(settings, currentContext(), told)
    const ended = tell === undefined ? undefined : teller(tell)
    const refusal = settings.direct ? undefined : refusalOf(inForce, claim, { url, method })
    if (refusal !== undefined) {
      const response = refusalResponse(refusal, url)
      ended?.({ status: response.status, refusal: refusal.code })
      return response
    }
    const shown = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
    const key = keeper && (await keyFor(keeper, entrance, claim, inForce, { url, shown }))
    if (typeof key === 'object') {
      const response = refusalResponse(key, url)
      ended?.({ status: response.status, refusal: key.code })
      return response
    }
    const straight = method === 'POST' && inForce.someGoStraight
    const watched = straight ? watch?.(entrance, input, init, url) : undefined
    try {
      const clean = marked ? { ...init, headers: withoutGatewayHeaders(sent) } : init
      const given = input instanceof Request && clean?.headers === undefined ? input.headers : clean?.headers
      const own = key === undefined ? clean : { ...clean, headers: authorized(given, key) }
      const proxy = inForce.proxyFor(claim.agent)
      const response = await transport(...turned(proxy, { ...entrance, key: told.key }, input, own))
      over({ status: response.status }, watched && { response: response.clone() })
      const deleted = method === 'DELETE' ? /\/responses\/([^/?]+)$/.exec(url)?.[1] : undefined
      if (deleted !== undefined && response.ok) await answers.forget(decodeURIComponent(deleted))
      return response
    } catch (error) {
      over({ error, aborted: init?.signal?.aborted === true }, { error })
      throw error
    }

    /** Told in full where it was read along, and else by its path. */
    function over(passed: PassedOutcome, outcome: Outcome | undefined) {
      if (watched === undefined || outcome === undefined) return ended?.(passed)
      const telling = watched(outcome).then(
        (isTold) => void (isTold || ended?.(passed)),
        () => {
          counters.counts.faults += 1
        },
      )
      track(telling)
    }

    function teller(tell: NonNullable<Parts['tell']>) {
      const origin = originOf(init, 0, settings.onCall !== undefined)
      const [at, startedAt] = [Date.now(), performance.now()]
      return (outcome: PassedOutcome) => {
        tell({ id: origin.id, caller: inForce.who(claim), method, url, at, startedAt, ...outcome }, origin)
      }
    }
  }
}

/** Upstream's own key goes below the client's own address alone. */
async function keyFor(
  keeper: Keeper,
  { below, frozen }: Entrance,
  claim: Claim,
  { who }: Rules,
  { url, shown }: { url: string; shown: Headers },
): Promise<string | Refusal | undefined> {
  const { mode, team } = who(claim)
  if (claim.key === undefined || frozen || mode === 'litellm' || below(url) === undefined) return undefined
  if (!standsIn(shown, claim.key)) return undefined
  return await keeper.open(team, claim.key)
}

function refusalOf(
  { someAreOff, who, policy }: Rules,
  claim: Claim,
  { url, method }: { url: string; method: string },
): Refusal | undefined {
  const refusal = someAreOff ? who(claim).refusal : undefined
  if (refusal?.code === 'gateway_agent_off') return refusal
  if (policy.paidPassThrough !== 'refuse' || !isPaid(method, url)) return undefined
  return { code: 'gateway_pass_through_refused', message: PAID }
}

const PAID = 'This endpoint costs money and is outside the budget: the policy refuses it (paidPassThrough).'

type PassedOutcome = { status: number; refusal?: string } | { error: unknown; aborted: boolean }
