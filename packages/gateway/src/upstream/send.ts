import { meter, nothing, unbilled } from '../account/meter.ts'
import type { Arrival } from '../body/arrival.ts'
import { editTopLevel, orderTopLevel } from '../body/edit.ts'
import { record } from '../body/live.ts'
import { type Ending, type Recording, withoutResponse } from '../body/recording.ts'
import type { Call, Json, Reply } from '../call.ts'
import { object } from '../json.ts'
import { refuse } from '../refuse.ts'
import { ask } from './ask.ts'
import { isAzure } from './hosts.ts'
import { leaving } from './leave.ts'
import { translated } from './translate.ts'
import { Trip } from './trip.ts'
import { neverLeft } from './unsent.ts'

/** The last stop: the request leaves, and its answer begins to be recorded. */
export async function send(call: Call): Promise<Reply> {
  const { origin, outgoing, signal } = call
  if (signal.aborted || (origin.barred && !call.unexamined)) return unsent(call)
  const added = leaving(call.rules.egress, outgoing.transport, { ...outgoing, ...outgoing.keys })
  if ('code' in added) return refuse(call, added)
  const startedAt = performance.now()
  const recording = await exchange(call)
  origin.draft?.attempts.push({
    model: call.model,
    status: recording.status,
    latencyMs: performance.now() - startedAt,
    ...(outgoing.through === undefined ? {} : { through: outgoing.through }),
  })
  return { via: 'upstream', model: call.model, route: call.route, recording }

  async function exchange(call: Call): Promise<Recording> {
    let hasLeft = false
    const trip = new Trip(call.rules.say)
    const init = { ...outgoing.init, ...changes(call), signal, ...added }
    let arrival: Arrival
    try {
      const leaves = () => {
        origin.sent += 1
        hasLeft = true
      }
      arrival = await ask(outgoing.transport, outgoing.url, init, leaves, trip)
    } catch (error) {
      // Before that it is no trouble of the transport's but a fault of ours.
      if (!hasLeft) throw error
      return withoutResponse(error, ended(call, error, trip.isUnseen(error)))
    }
    return record(arrival, {
      operation: call.operation,
      stream: call.view.stream,
      usageInjected: outgoing.injectUsage,
      azure: () => isAzure(outgoing.url),
      meter: (seen) => meter(call, seen),
    })
  }
}

/** Nobody wanted it any more when its turn came: it was neither asked nor paid. */
function unsent({ model, route, signal }: Call): Reply {
  const ended: Promise<Ending> = Promise.resolve({ type: 'aborted', usage: unbilled })
  return { via: 'upstream', model, route, recording: withoutResponse(signal.reason, ended) }
}

/** The question may have been answered without our seeing it, but no more is known than that it was asked. */
async function ended(call: Call, error: unknown, unseen: boolean): Promise<Ending> {
  if (!call.signal.aborted && unseen) return { type: 'failed', usage: unbilled, error, unseen }
  if (!call.signal.aborted) return { type: 'failed', usage: neverLeft(error) ? unbilled : nothing, error }
  const usage = await meter(call, { usage: undefined, produced: [], unkept: 0 })
  return { type: 'aborted', usage }
}

/** No model was named as text, and none was chosen: what the caller wrote in its place is upstream's to judge. */
const isUnnamed = ({ body, model }: Call) => model === 'auto' && typeof body.model !== 'string'

/** Headers and body, as far as they differ from what the caller sent. */
function changes(call: Call): RequestInit {
  const { body, model, outgoing } = call
  if (outgoing.signed) return {}
  const isOther = model !== body.model && !outgoing.frozen && !isUnnamed(call)
  const edits: Record<string, Json | undefined> = isOther
    ? { ...translated(call), ...outgoing.edits, model }
    : { ...outgoing.edits }
  if (outgoing.injectUsage) edits.stream_options = { ...object(body.stream_options), include_usage: true }
  if (Object.keys(edits).length === 0 && outgoing.through === undefined)
    return { headers: outgoing.headers, body: outgoing.text }
  const texts = Object.entries(edits).map(([name, value]) => [
    name,
    value === undefined ? undefined : JSON.stringify(value),
  ])
  const headers = new Headers(outgoing.headers)
  headers.delete('content-length')
  const text = editTopLevel(outgoing.text, Object.fromEntries(texts))
  return { headers, body: outgoing.through === undefined ? text : orderTopLevel(text) }
}
