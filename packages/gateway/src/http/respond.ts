import { cacheState } from '../account/recorder.ts'
import { addable } from '../body/buffered-response.ts'
import { putHeader } from '../body/layered-headers.ts'
import { refusalResponse } from '../body/refusal-response.ts'
import type { Call } from '../core/call.ts'
import { formatUsd } from '../core/money.ts'
import { FAULT_AFTER } from '../core/refusal-codes.ts'
import type { Cost, Reply } from '../core/reply.ts'
import type { Fault } from '../util/faults.ts'

/** Opens the caller's Response. A fault while headers are added loses those headers, not the answer. */
export async function respond(reply: Reply, call: Call, fault: Fault): Promise<Response> {
  let response: Response
  try {
    response = await reply.recording.open(call.view, () => undefined)
  } catch (error) {
    if (!(await isGatewayFault(reply, call))) throw error
    fault(error, 'giving an answer')
    // The SDK retries after a rejection, as after a connection error.
    return refusalResponse(FAULT_AFTER, call.outbound.url)
  }
  try {
    const added = addHeaders(addable(response), reply, call)
    if (added !== undefined) await added
  } catch (error) {
    fault(error, 'headers of an answer')
  }
  return response
}

/** An error while opening an answer that arrived, and that its caller still waits for, is not upstream's. */
async function isGatewayFault({ recording }: Reply, { signal }: Call): Promise<boolean> {
  if (recording.status === undefined || signal.aborted) return false
  const outcome = recording.outcome
    ? recording.outcome()
    : (await Promise.race([recording.ended, undefined]))?.type
  return outcome === undefined || outcome === 'complete'
}

/** Returns a promise only if the cost of the answer is still being computed. */
function addHeaders(headers: Headers, reply: Reply, call: Call): Promise<void> | undefined {
  putHeader(headers, 'x-gateway-call-id', call.state.id)
  putHeader(headers, 'x-gateway-cache', cacheState(reply))
  putHeader(headers, 'x-gateway-model', encoded(reply.model))
  putHeader(headers, 'x-gateway-route', reply.route)
  putHeader(headers, 'x-gateway-team', encoded(call.caller.team))
  if (reply.key !== undefined && reply.ageMs !== undefined)
    putHeader(headers, 'x-gateway-cache-key', reply.key)
  if (reply.similarity !== undefined) putHeader(headers, 'x-gateway-similarity', reply.similarity.toFixed(4))
  if (reply.ageMs !== undefined && reply.ageMs >= 1_000)
    putHeader(headers, 'age', String(Math.floor(reply.ageMs / 1_000)))
  for (const name in reply.headers) headers.set(name, reply.headers[name] ?? '')
  if (reply.headers !== undefined) removeOtherLimits(headers, reply.headers)
  if (call.view.stream || !reply.recording.isOver()) return undefined
  if (reply.cost instanceof Promise) return reply.cost.then((cost) => addCost(headers, cost))
  if (reply.cost !== undefined) addCost(headers, reply.cost)
  return undefined
}

/** OpenAI's headers of limits. */
const LIMIT_HEADERS = ['requests', 'tokens'].flatMap((unit) =>
  ['limit', 'remaining', 'reset'].map((what) => `x-ratelimit-${what}-${unit}`),
)

/** Removes upstream's limits beside those of the team: all of an answer's are from one source. */
function removeOtherLimits(headers: Headers, own: Record<string, string>): void {
  if (!LIMIT_HEADERS.some((name) => own[name] !== undefined)) return
  for (const name of LIMIT_HEADERS) if (own[name] === undefined && headers.has(name)) headers.delete(name)
}

function addCost(headers: Headers, { cost, saved }: Cost): void {
  if (cost !== undefined) putHeader(headers, 'x-gateway-cost-usd', formatUsd(cost))
  if (saved !== undefined) putHeader(headers, 'x-gateway-saved-usd', formatUsd(saved))
}

/** Lone surrogates cannot be encoded; headers beyond some length are rejected by clients: 200 characters are kept. */
const encoded = (name: string) =>
  PLAIN_NAME.test(name) ? name : encodeURIComponent(name.slice(0, 200).toWellFormed())

/** Names that stay as they are, as nearly all do. */
const PLAIN_NAME = /^[\w.-]{1,200}$/
