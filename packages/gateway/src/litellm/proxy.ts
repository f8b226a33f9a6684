import { refuse } from '../body/refuse.ts'
import { withBody } from '../body/with-body.ts'
import type { Call, Handler } from '../core/call.ts'
import { type JsonObject, parseObject } from '../core/json.ts'
import { nanoUsd } from '../core/money.ts'
import type { Reply } from '../core/reply.ts'
import { asOpenAI, refusalFrom } from './errors.ts'

/** Sends a call that has been aimed at the proxy, and reads what comes back as if it had come from upstream. */
export function throughProxy(send: Handler): Handler {
  return async function proxy(call) {
    if (call.outbound.path === undefined) return await send(call)
    const reply = await send({ ...call, outbound: { ...call.outbound, proxiedBy: 'litellm' } })
    const { status } = reply.recording
    if (status === undefined) return reply
    return status >= 400 ? await error(reply, status, call) : answer(reply)
  }
}

/** The only sign of a hit is the key it was found under; its cost header repeats what the first answer cost. */
function answer(reply: Reply): Reply {
  const { headers } = reply.recording
  const key = headers.get('x-litellm-cache-key')
  const similarity = Number(headers.get('x-litellm-semantic-similarity') ?? 0)
  const told: Reply = { ...reply, ...swapped(headers), headers: { ...reply.headers, ...ours(headers) } }
  const charged = Number(headers.get('x-litellm-response-cost') || Number.NaN)
  if (Number.isFinite(charged) && charged >= 0) told.reportedCost = nanoUsd(charged)
  if (key === null) return told
  const hit: Reply = { ...told, via: similarity > 0 ? 'semantic' : 'exact', key }
  return similarity > 0 ? { ...hit, similarity } : hit
}

/** Another of the proxy's models answered than the one that was asked: its own fallbacks are at work. */
function swapped(headers: Headers): Partial<Reply> {
  const group = headers.get('x-litellm-model-group')
  return Number(headers.get('x-litellm-attempted-fallbacks')) > 0 && group !== null
    ? { model: group, route: 'failover' }
    : {}
}

/** What the team has left, in OpenAI's names: the proxy puts the account's there. */
function ours(headers: Headers): Record<string, string> {
  const told: Record<string, string> = {}
  const id =
    headers.get('x-request-id') ??
    headers.get('llm_provider-x-request-id') ??
    headers.get('x-litellm-call-id')
  if (id !== null) told['x-request-id'] = id
  for (const kind of ['requests', 'tokens'])
    for (const what of ['limit', 'remaining']) {
      const value = headers.get(`x-ratelimit-api_key-${what}-${kind}`)
      if (value !== null) told[`x-ratelimit-${what}-${kind}`] = value
    }
  return told
}

/** The longest that the SDK waits of its own accord. */
const LONGEST_WAIT_S = 8

async function error(reply: Reply, status: number, call: Call): Promise<Reply> {
  const body = await bodyOf(reply, call)
  if (body === undefined) return reply
  const { headers } = reply.recording
  const refusal = refusalFrom(status, headers, body)
  if (refusal !== undefined) {
    const refused = refuse(call, { ...refusal, headers: { ...refusal.headers, ...trail(headers) } })
    return { ...refused, model: reply.model, route: reply.route }
  }
  const read = new Headers(headers)
  for (const name of ['content-length', 'content-encoding']) read.delete(name)
  if (Number(headers.get('retry-after')) > LONGEST_WAIT_S) read.delete('retry-after')
  const recording = withBody(reply.recording, JSON.stringify(asOpenAI(status, body)), read, call.outbound.url)
  return { ...reply, recording, headers: { ...reply.headers, ...ours(headers) } }
}

function trail(headers: Headers): Record<string, string> {
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
