import type { RecordDirectCall } from '../account/direct-call.ts'
import { recordResponse } from '../body/record.ts'
import { textOfRequest } from '../body/request-text.ts'
import { fromResponse } from '../body/upstream-response.ts'
import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Call } from '../core/call.ts'
import { callStateOf } from '../core/call-state.ts'
import type { Complain } from '../core/controls.ts'
import { type Ending, type Recording, withoutResponse } from '../core/recording.ts'
import { NO_USAGE } from '../core/usage.ts'
import type { CallOptions } from '../identify/headers.ts'
import { meter } from '../pricing/meter.ts'
import { isAzure } from '../upstream/hosts.ts'
import { createBodyParser } from './parsed-bodies.ts'
import { type ClientBinding, createCall } from './request.ts'
import type { RequestHead } from './request-head.ts'

/** What came of a request; of a response, a copy to read along. */
export type ObservedOutcome = { response: Response } | { error: unknown }

/** False: it cannot be read, and somebody else has to tell of it. */
export type FinishObservation = (outcome: ObservedOutcome) => Promise<boolean>

type Parts = {
  settings: Settings
  policy: () => CompiledPolicy
  complain: Complain
  witness: RecordDirectCall
}

/**
 * Reads along what goes straight to upstream, so that it is told of like any other call. All of it happens beside the
 * call: it has left before anything of it is read, and its caller has the answer before anything of that is.
 */
export function createDirectCallObserver({ settings, policy: rules, complain, witness }: Parts) {
  const read = createBodyParser()

  /** `undefined`: it is none of the calls that are governed elsewhere. */
  return function watch(
    entrance: ClientBinding,
    asked: RequestHead,
    told: CallOptions | undefined,
  ): FinishObservation | undefined {
    const { url, init, headers, request, method } = asked
    const found = entrance.match(url)
    if (found === undefined) return undefined
    const own: RequestInit = request
      ? { method, headers: request.headers, signal: request.signal, ...init }
      : { ...init }
    const given = init?.body ?? undefined
    const text = typeof given === 'string' ? given : textOfRequest(given, request).catch(() => undefined)
    const origin = callStateOf(own, settings.onCall !== undefined)
    const [startedAt, inForce] = [performance.now(), rules()]

    return async function tell(outcome) {
      const answeredAt = performance.now()
      const source = await text
      const reading = source === undefined ? undefined : read(source)
      if (source === undefined || reading === undefined || 'excess' in reading) return false
      const incoming = { ...found, url, init: own, headers, told, source, reading }
      const call = {
        ...createCall({ settings, rules: inForce, inForce: rules, complain }, entrance, incoming),
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

function recordingOf(call: Call, outcome: ObservedOutcome): Recording {
  if ('error' in outcome) {
    const ending: Ending = { type: 'failed', usage: NO_USAGE, error: outcome.error }
    return withoutResponse(outcome.error, Promise.resolve(ending))
  }
  return recordResponse(fromResponse(outcome.response), {
    operation: call.operation,
    stream: call.view.stream,
    usageInjected: false,
    azure: () => isAzure(call.outbound.url),
    meter: (seen) => meter(call, seen),
  })
}
