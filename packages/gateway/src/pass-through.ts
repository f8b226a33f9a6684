import type { Passed } from './account/passed.ts'
import type { Counters } from './account/stats.ts'
import type { CacheStore } from './cache/store.ts'
import type { Entrance } from './door.ts'
import { isPaid } from './governed.ts'
import { hasGatewayHeaders, readHeaders, withoutGatewayHeaders } from './identify/headers.ts'
import { type Origin, originOf } from './identify/origin.ts'
import type { Caller, Claim } from './identify/who.ts'
import { turned } from './litellm/aim.ts'
import { refusalResponse } from './refuse.ts'
import type { Settings } from './settings.ts'

export type PassThrough = ReturnType<typeof createPassThrough>

type Parts = {
  settings: Settings
  counters: Counters
  answers: CacheStore
  who: (claim: Claim) => Caller
  /** Told how each request went; absent where nobody listens. */
  tell: ((passed: Passed, origin: Origin) => void) | undefined
}

/** The way of what is not governed: same arguments, same Response, counted and told of by its path. */
export function createPassThrough({ settings, counters, answers, who, tell }: Parts) {
  return async function passThrough(
    { transport, below, frozen }: Pick<Entrance, 'transport' | 'below' | 'frozen'>,
    input: Parameters<typeof fetch>[0],
    init: RequestInit | undefined,
    { url, method }: { url: string; method: string },
  ): Promise<Response> {
    counters.counts.passedThrough += 1
    const sent = init?.headers === undefined ? undefined : new Headers(init.headers)
    const marked = sent !== undefined && hasGatewayHeaders(sent)
    const told: Partial<Claim> = marked ? readHeaders(sent) : {}
    const ended = tell === undefined ? undefined : teller(tell, told)
    if (!settings.direct && settings.policy.paidPassThrough === 'refuse' && isPaid(method, url)) {
      const code = 'gateway_pass_through_refused'
      const message =
        'This endpoint costs money and is outside the budget: the policy refuses it (paidPassThrough).'
      const response = refusalResponse({ code, message }, url)
      ended?.({ status: response.status, refusal: code })
      return response
    }
    try {
      const own = marked ? { ...init, headers: withoutGatewayHeaders(sent) } : init
      const response = await transport(
        ...turned(settings.litellm, { below, frozen, key: told.key }, input, own),
      )
      ended?.({ status: response.status })
      const deleted = method === 'DELETE' ? /\/responses\/([^/?]+)$/.exec(url)?.[1] : undefined
      if (deleted !== undefined && response.ok) await answers.forget(decodeURIComponent(deleted))
      return response
    } catch (error) {
      ended?.({ error, aborted: init?.signal?.aborted === true })
      throw error
    }

    function teller(tell: NonNullable<Parts['tell']>, { agent, key }: Partial<Claim>) {
      const origin = originOf(init, 0, settings.onCall !== undefined)
      const startedAt = performance.now()
      return (outcome: Outcome) => {
        const caller = who({
          agent: agent ?? origin.context?.agent ?? settings.agent,
          key: key ?? settings.key,
          team: settings.team,
        })
        tell({ id: origin.id, caller, method, url, startedAt, ...outcome }, origin)
      }
    }
  }
}

type Outcome = { status: number; refusal?: string } | { error: unknown; aborted: boolean }
