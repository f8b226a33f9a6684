import { refuse } from '../body/refusal-response.ts'
import { withBody } from '../body/with-body.ts'
import type { Call, Handler } from '../core/call.ts'
import { type JsonObject, parseObject } from '../core/json.ts'
import { nanoUsd } from '../core/money.ts'
import type { Reply } from '../core/reply.ts'
import { asOpenAI, refusalFrom } from './errors.ts'

/** Sends a call whose target is the proxy, and reads the answer as if it had come from upstream. */
export function throughProxy(send: Handler): Handler {
  return async function proxy(call) {
    if (call.outbound.path === undefined) return await send(call)
    const reply = await send({ ...call, outbound: { ...call.outbound, proxiedBy: 'litellm' } })
    const { status } = reply.recording
    if (status === undefined) return reply
    return status >= 400 ? await errorReply(reply, status, call) : successReply(reply)
  }
}

/** The only sign of a cache hit is its key; the cost header repeats the cost of the first answer. */
function successReply(reply: Reply): Reply {
  const { headers } = reply.recording
  const key = headers.get('x-litellm-cache-key')
  const similarity = Number(headers.get('x-litellm-semantic-similarity') ?? 0)
  const result: Reply = {
    ...reply,
    ...fallbackOf(headers),
    headers: { ...reply.headers, ...remainingLimits(headers) },
  }
  const reportedCost = Number(headers.get('x-litellm-response-cost') || Number.NaN)
  if (Number.isFinite(reportedCost) && reportedCost >= 0) result.reportedCost = nanoUsd(reportedCost)
  if (key === null) return result
  const hit: Reply = { ...result, via: similarity > 0 ? 'semantic' : 'exact', key }
  return similarity > 0 ? { ...hit, similarity } : hit
}

/** Detects the proxy's own fallback: another model answered than the requested one. */
function fallbackOf(headers: Headers): Partial<Reply> {
  const group = headers.get('x-litellm-model-group')
  return Number(headers.get('x-litellm-attempted-fallbacks')) > 0 && group !== null
    ? { model: group, route: 'failover' }
    : {}
}

/** Returns the team's remaining limits under OpenAI's names, where the proxy puts the account's. */
function remainingLimits(headers: Headers): Record<string, string> {
  const result: Record<string, string> = {}
  const id =
    headers.get('x-request-id') ??
    headers.get('llm_provider-x-request-id') ??
    headers.get('x-litellm-call-id')
  if (id !== null) result['x-request-id'] = id
  for (const kind of ['requests', 'tokens'])
    for (const what of ['limit', 'remaining']) {
      const value = headers.get(`x-ratelimit-api_key-${what}-${kind}`)
      if (value !== null) result[`x-ratelimit-${what}-${kind}`] = value
    }
  return result
}

/** Longest wait in seconds that the SDK uses by itself. */
const MAX_WAIT_S = 8

async function errorReply(reply: Reply, status: number, call: Call): Promise<Reply> {
  const body = await bodyOf(reply, call)
  if (body === undefined) return reply
  const { headers } = reply.recording
  const refusal = refusalFrom(status, headers, body)
  if (refusal !== undefined) {
    const refused = refuse(call, { ...refusal, headers: { ...refusal.headers, ...requestIds(headers) } })
    return { ...refused, model: reply.model, route: reply.route }
  }
  const read = new Headers(headers)
  for (const name of ['content-length', 'content-encoding']) read.delete(name)
  if (Number(headers.get('retry-after')) > MAX_WAIT_S) read.delete('retry-after')
  const recording = withBody(reply.recording, JSON.stringify(asOpenAI(status, body)), read, call.outbound.url)
  return { ...reply, recording, headers: { ...reply.headers, ...remainingLimits(headers) } }
}

function requestIds(headers: Headers): Record<string, string> {
  const id = headers.get('x-litellm-call-id')
  return id === null ? {} : { 'x-litellm-call-id': id, 'x-request-id': id }
}

async function bodyOf({ recording }: Reply, call: Call): Promise<JsonObject | undefined> {
  try {
    const response = await recording.open(
      { ...call.view, stream: false, signal: call.signal },
      () => undefined,
    )
    return parseObject(await response.text())
  } catch {
    return undefined
  }
}
