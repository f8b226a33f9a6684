import type { RecordDirectCall } from '../account/direct-call.ts'
import { recordResponse } from '../body/record-response.ts'
import { textOfRequest } from '../body/request-text.ts'
import { fromResponse } from '../body/upstream-response.ts'
import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Call } from '../core/call.ts'
import { type Ending, type Recording, withoutResponse } from '../core/recording.ts'
import { NO_USAGE } from '../core/usage.ts'
import { meter } from '../pricing/meter.ts'
import { isAzure } from '../upstream/hosts.ts'
import { copyInit } from './clean-request.ts'
import { createBodyParser } from './parsed-bodies.ts'
import { type ClientBinding, createCall } from './request.ts'
import type { RequestHead } from './request-head.ts'

/** Outcome of a request. `response` is a copy whose body the observer may read. */
export type ObservedOutcome = { response: Response } | { error: unknown }

/** Writes the record of an observed request. Resolves `false` if its body cannot be read: another record has to be written. */
export type FinishObservation = (outcome: ObservedOutcome) => Promise<boolean>

/** Starts to observe a request that is about to leave. Returns `undefined` if its endpoint is not governed. */
export type ObserveDirectCall = (binding: ClientBinding, head: RequestHead) => FinishObservation | undefined

type Deps = {
  settings: Settings
  /** Returns the policy in force. */
  policy: () => CompiledPolicy
  recordDirectCall: RecordDirectCall
}

/**
 * Records calls of mode `direct` like all other calls. All of its work is done beside the call: the request has left
 * before its body is read, and the caller has the answer before the copy of it is.
 */
export function createDirectCallObserver({ settings, policy, recordDirectCall }: Deps): ObserveDirectCall {
  const parse = createBodyParser()

  return function observeDirectCall(binding, head) {
    const endpoint = binding.match(head.url)
    if (endpoint === undefined) return undefined
    const init = copyInit(head)
    const given = head.init?.body ?? undefined
    const text = typeof given === 'string' ? given : textOfRequest(given, head.request).catch(() => undefined)
    const startedAt = performance.now()

    return async function finish(outcome) {
      const answeredAt = performance.now()
      const source = await text
      const parsed = source === undefined ? undefined : parse(source)
      if (source === undefined || parsed === undefined || 'excess' in parsed) return false
      const call = createCall({ settings, policy }, binding, head, { ...endpoint, init, source, parsed })
      const { model } = call
      const recording = recordingOf(call, outcome)
      const reply = { via: 'upstream', model, route: 'requested', bypass: 'direct', recording } as const
      await recordDirectCall(call, reply, { startedAt, answeredAt })
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
    meter: (answer) => meter(call, answer),
  })
}
