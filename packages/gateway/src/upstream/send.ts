import { editTopLevel, orderTopLevel } from '../body/json-edit.ts'
import { recordResponse } from '../body/record-response.ts'
import { refuse } from '../body/refusal-response.ts'
import type { UpstreamResponse } from '../body/upstream-response.ts'
import type { Call } from '../core/call.ts'
import { type Json, object } from '../core/json.ts'
import { type Ending, type Recording, withoutResponse } from '../core/recording.ts'
import { abortedReply, type Reply } from '../core/reply.ts'
import { NO_USAGE, UNBILLED } from '../core/usage.ts'
import { meter } from '../pricing/meter.ts'
import { egressInit } from './egress-init.ts'
import { isAzure } from './hosts.ts'
import { requestUpstream } from './request.ts'
import { TrackedRequest } from './tracked-request.ts'
import { translated } from './translate.ts'
import { neverLeft } from './unsent.ts'

/** Sends the request upstream and records the answer. The last stage. */
export async function send(call: Call): Promise<Reply> {
  const { state, outbound, signal } = call
  if (signal.aborted || (state.barred && !call.unchecked)) return abortedReply(call)
  const added = egressInit(call.policy.egress, outbound.transport, { ...outbound, ...outbound.keys })
  if ('code' in added) return refuse(call, added)
  const startedAt = performance.now()
  const recording = await exchange(call)
  state.draft?.attempts.push({
    model: call.model,
    status: recording.status,
    latencyMs: performance.now() - startedAt,
    ...(outbound.proxiedBy === undefined ? {} : { through: outbound.proxiedBy }),
  })
  return { via: 'upstream', model: call.model, route: call.route, recording }

  async function exchange(call: Call): Promise<Recording> {
    let hasLeft = false
    const tracked = new TrackedRequest(call.policy.warn)
    const init = { ...outbound.init, ...changes(call), signal, ...added }
    let arrival: UpstreamResponse
    try {
      const leaves = () => {
        state.upstreamAttempts += 1
        hasLeft = true
      }
      arrival = await requestUpstream(outbound.transport, outbound.url, init, leaves, tracked)
    } catch (error) {
      // An error before sending is a fault of the gateway, not of the transport.
      if (!hasLeft) throw error
      return withoutResponse(error, ended(call, error, tracked.isUnseen(error)))
    }
    return recordResponse(arrival, {
      operation: call.operation,
      stream: call.view.stream,
      usageInjected: outbound.injectUsage,
      azure: () => isAzure(outbound.url),
      meter: (seen) => meter(call, seen),
    })
  }
}

/** Returns the end of an exchange without an answer. Upstream may have processed the request, so it may be billed. */
async function ended(call: Call, error: unknown, unseen: boolean): Promise<Ending> {
  if (!call.signal.aborted && unseen) return { type: 'failed', usage: UNBILLED, error, unseen }
  if (!call.signal.aborted) return { type: 'failed', usage: neverLeft(error) ? UNBILLED : NO_USAGE, error }
  const usage = await meter(call, { usage: undefined, produced: [], unkept: 0 })
  return { type: 'aborted', usage }
}

/** Returns whether the request names no model and none was chosen: upstream validates the caller's value. */
const isUnnamed = ({ body, model }: Call) => model === 'auto' && typeof body.model !== 'string'

/** Returns headers and body that replace those of the caller; empty for a signed request. */
function changes(call: Call): RequestInit {
  const { body, model, outbound } = call
  if (outbound.signed) return {}
  const isOther = model !== body.model && !outbound.immutable && !isUnnamed(call)
  const edits: Record<string, Json | undefined> = isOther
    ? { ...translated(call), ...outbound.bodyEdits, model }
    : { ...outbound.bodyEdits }
  if (outbound.injectUsage) edits.stream_options = { ...object(body.stream_options), include_usage: true }
  if (Object.keys(edits).length === 0 && outbound.proxiedBy === undefined)
    return { headers: outbound.headers, body: outbound.text }
  const texts = Object.entries(edits).map(([name, value]) => [
    name,
    value === undefined ? undefined : JSON.stringify(value),
  ])
  const headers = new Headers(outbound.headers)
  headers.delete('content-length')
  const text = editTopLevel(outbound.text, Object.fromEntries(texts))
  return { headers, body: outbound.proxiedBy === undefined ? text : orderTopLevel(text) }
}
