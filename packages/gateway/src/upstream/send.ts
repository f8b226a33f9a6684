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
import { isAzure } from './hosts.ts'
import { leaving } from './leave.ts'
import { ask } from './request.ts'
import { translated } from './translate.ts'
import { Trip } from './trip.ts'
import { neverLeft } from './unsent.ts'

/** The last stop: the request leaves, and its answer begins to be recorded. */
export async function send(call: Call): Promise<Reply> {
  const { state: origin, outbound: outgoing, signal } = call
  if (signal.aborted || (origin.barred && !call.unchecked)) return abortedReply(call)
  const added = leaving(call.policy.egress, outgoing.transport, { ...outgoing, ...outgoing.keys })
  if ('code' in added) return refuse(call, added)
  const startedAt = performance.now()
  const recording = await exchange(call)
  origin.draft?.attempts.push({
    model: call.model,
    status: recording.status,
    latencyMs: performance.now() - startedAt,
    ...(outgoing.proxiedBy === undefined ? {} : { through: outgoing.proxiedBy }),
  })
  return { via: 'upstream', model: call.model, route: call.route, recording }

  async function exchange(call: Call): Promise<Recording> {
    let hasLeft = false
    const trip = new Trip(call.policy.warn)
    const init = { ...outgoing.init, ...changes(call), signal, ...added }
    let arrival: UpstreamResponse
    try {
      const leaves = () => {
        origin.upstreamAttempts += 1
        hasLeft = true
      }
      arrival = await ask(outgoing.transport, outgoing.url, init, leaves, trip)
    } catch (error) {
      // Before that it is no trouble of the transport's but a fault of ours.
      if (!hasLeft) throw error
      return withoutResponse(error, ended(call, error, trip.isUnseen(error)))
    }
    return recordResponse(arrival, {
      operation: call.operation,
      stream: call.view.stream,
      usageInjected: outgoing.injectUsage,
      azure: () => isAzure(outgoing.url),
      meter: (seen) => meter(call, seen),
    })
  }
}

/** The question may have been answered without our seeing it, but no more is known than that it was asked. */
async function ended(call: Call, error: unknown, unseen: boolean): Promise<Ending> {
  if (!call.signal.aborted && unseen) return { type: 'failed', usage: UNBILLED, error, unseen }
  if (!call.signal.aborted) return { type: 'failed', usage: neverLeft(error) ? UNBILLED : NO_USAGE, error }
  const usage = await meter(call, { usage: undefined, produced: [], unkept: 0 })
  return { type: 'aborted', usage }
}

/** No model was named as text, and none was chosen: what the caller wrote in its place is upstream's to judge. */
const isUnnamed = ({ body, model }: Call) => model === 'auto' && typeof body.model !== 'string'

/** Headers and body, as far as they differ from what the caller sent. */
function changes(call: Call): RequestInit {
  const { body, model, outbound: outgoing } = call
  if (outgoing.signed) return {}
  const isOther = model !== body.model && !outgoing.immutable && !isUnnamed(call)
  const edits: Record<string, Json | undefined> = isOther
    ? { ...translated(call), ...outgoing.bodyEdits, model }
    : { ...outgoing.bodyEdits }
  if (outgoing.injectUsage) edits.stream_options = { ...object(body.stream_options), include_usage: true }
  if (Object.keys(edits).length === 0 && outgoing.proxiedBy === undefined)
    return { headers: outgoing.headers, body: outgoing.text }
  const texts = Object.entries(edits).map(([name, value]) => [
    name,
    value === undefined ? undefined : JSON.stringify(value),
  ])
  const headers = new Headers(outgoing.headers)
  headers.delete('content-length')
  const text = editTopLevel(outgoing.text, Object.fromEntries(texts))
  return { headers, body: outgoing.proxiedBy === undefined ? text : orderTopLevel(text) }
}
