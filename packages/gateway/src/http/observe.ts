import type { Witness } from '../account/direct-call.ts'
import { record } from '../body/record.ts'
import { arrivalOf } from '../body/upstream-response.ts'
import type { Rules } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Call } from '../core/call.ts'
import { originOf } from '../core/call-state.ts'
import type { Complain } from '../core/controls.ts'
import { type Ending, type Recording, withoutResponse } from '../core/recording.ts'
import { nothing } from '../core/usage.ts'
import type { CallOptions } from '../identify/headers.ts'
import { meter } from '../pricing/meter.ts'
import { isAzure } from '../upstream/hosts.ts'
import { createReader } from './parsed-bodies.ts'
import { callOf, type Entrance } from './request.ts'
import type { Asked } from './request-head.ts'
import { textOfRequest } from '../body/request-text.ts'

/** What came of a request; of a response, a copy to read along. */
export type Outcome = { response: Response } | { error: unknown }

/** False: it cannot be read, and somebody else has to tell of it. */
export type Watched = (outcome: Outcome) => Promise<boolean>

type Parts = { settings: Settings; rules: () => Rules; complain: Complain; witness: Witness }

/**
 * Reads along what goes straight to upstream, so that it is told of like any other call. All of it happens beside the
 * call: it has left before anything of it is read, and its caller has the answer before anything of that is.
 */
export function createWatch({ settings, rules, complain, witness }: Parts) {
  const read = createReader()

  /** `undefined`: it is none of the calls that are governed elsewhere. */
  return function watch(
    entrance: Entrance,
    asked: Asked,
    told: CallOptions | undefined,
  ): Watched | undefined {
    const { url, init, headers, request, method } = asked
    const found = entrance.governs(url)
    if (found === undefined) return undefined
    const own: RequestInit = request
      ? { method, headers: request.headers, signal: request.signal, ...init }
      : { ...init }
    const given = init?.body ?? undefined
    const text = typeof given === 'string' ? given : textOfRequest(given, request).catch(() => undefined)
    const origin = originOf(own, settings.onCall !== undefined)
    const [startedAt, inForce] = [performance.now(), rules()]

    return async function tell(outcome) {
      const answeredAt = performance.now()
      const source = await text
      const reading = source === undefined ? undefined : read(source)
      if (source === undefined || reading === undefined || 'excess' in reading) return false
      const incoming = { ...found, url, init: own, headers, told, source, reading }
      const call = {
        ...callOf({ settings, rules: inForce, inForce: rules, complain }, entrance, incoming),
        origin,
      }
      const { model } = call
      const recording = recordingOf(call, outcome)
      const reply = { via: 'upstream', model, route: 'requested', bypass: 'direct', recording } as const
      await witness(call, reply, { startedAt, answeredAt })
      return true
    }
  }
}

function recordingOf(call: Call, outcome: Outcome): Recording {
  if ('error' in outcome) {
    const ending: Ending = { type: 'failed', usage: nothing, error: outcome.error }
    return withoutResponse(outcome.error, Promise.resolve(ending))
  }
  return record(arrivalOf(outcome.response), {
    operation: call.operation,
    stream: call.view.stream,
    usageInjected: false,
    azure: () => isAzure(call.outgoing.url),
    meter: (seen) => meter(call, seen),
  })
}
