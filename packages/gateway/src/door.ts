import { formatUsd } from './account/price.ts'
import { cacheState } from './account/recorder.ts'
import type { Counters } from './account/stats.ts'
import { textOfRequest } from './body/request.ts'
import type { Call, Handler, Reply } from './call.ts'
import { hasGatewayHeaders, readHeaders } from './identify/headers.ts'
import { originOf } from './identify/origin.ts'
import { callOf, claimOf, type Entrance } from './incoming.ts'
import { turned } from './litellm/aim.ts'
import type { PassThrough } from './pass-through.ts'
import { createReader } from './reading.ts'
import { refusalResponse } from './refuse.ts'
import type { Rules } from './rules.ts'
import type { Settings } from './settings.ts'
import { whileWanted } from './wait.ts'

export type House = {
  settings: Settings
  handler: Handler
  counters: Counters
  /** What is in force at this moment. */
  rules: () => Rules
  /** Until it settles, it is not known whether another policy than the program's own is in force. */
  starting: () => Promise<unknown> | undefined
  /** The way of what is not governed. */
  passThrough: PassThrough
}

/** `fetch`, with the pipeline behind it. What is not governed goes straight through: same arguments, same Response. */
export function createDoor(house: House, entrance: Entrance): typeof fetch {
  const { settings, handler, counters } = house
  const read = createReader()

  return async function gatewayFetch(input, init) {
    const request = input instanceof Request ? input : undefined
    const starting = house.starting()
    if (starting !== undefined)
      await whileWanted(starting, init?.signal ?? request?.signal ?? new AbortController().signal)
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url
    const method = init?.method ?? request?.method ?? 'GET'
    const found = settings.direct || method !== 'POST' ? undefined : entrance.governs(url)
    const rules = house.rules()
    if (found !== undefined && rules.someGoStraight && goesStraight(settings, rules, request, init))
      return await house.passThrough(entrance, input, init, { url, method })
    const given = init?.body ?? undefined
    const source = found && (typeof given === 'string' ? given : await textOfRequest(given, request))
    const reading = source === undefined ? undefined : read(source)
    if (found === undefined || source === undefined || reading === undefined)
      return await house.passThrough(entrance, input, init, { url, method })

    const own: RequestInit = request
      ? { method, headers: request.headers, signal: request.signal, ...init }
      : { ...init }
    let call: Call | undefined
    let reply: Reply
    try {
      call = callOf(settings, rules, entrance, { ...found, url, init: own, source, reading })
      reply = await handler(call)
    } catch (error) {
      counters.counts.faults += 1
      // A mistake of ours. What has not left yet goes as the caller sent it; what has left is never sent twice.
      if (call === undefined || call.origin.sent === 0)
        return await entrance.transport(...turned(rules.proxyFor(settings.agent), entrance, input, init))
      const message = `The gateway failed after the request was sent: ${error}`
      return refusalResponse({ code: 'gateway_fault', message }, url)
    }
    return await respond(reply, call)
  }
}

/** What is switched off is refused, however it would have gone. */
function goesStraight(
  settings: Settings,
  rules: Rules,
  request: Request | undefined,
  init: RequestInit | undefined,
): boolean {
  const headers = new Headers(init?.headers ?? request?.headers)
  const told = hasGatewayHeaders(headers) ? readHeaders(headers) : undefined
  const caller = rules.who(claimOf(settings, originOf(init, 0, false).context, told))
  return caller.mode === 'direct' && caller.refusal === undefined
}

async function respond(reply: Reply, call: Call): Promise<Response> {
  const response = await reply.recording.open(call.view, () => undefined)
  const { headers } = response
  headers.set('x-gateway-call-id', call.origin.id)
  headers.set('x-gateway-cache', cacheState(reply))
  headers.set('x-gateway-model', encodeURIComponent(reply.model))
  headers.set('x-gateway-route', reply.route)
  headers.set('x-gateway-team', encodeURIComponent(call.caller.team))
  if (reply.key !== undefined && reply.ageMs !== undefined) headers.set('x-gateway-cache-key', reply.key)
  if (reply.similarity !== undefined) headers.set('x-gateway-similarity', reply.similarity.toFixed(4))
  if (reply.ageMs !== undefined && reply.ageMs >= 1_000)
    headers.set('age', String(Math.floor(reply.ageMs / 1_000)))
  for (const name in reply.headers) headers.set(name, reply.headers[name] ?? '')
  if (!call.view.stream && reply.recording.isOver()) {
    const bill = reply.bill instanceof Promise ? await reply.bill : reply.bill
    if (bill?.cost !== undefined) headers.set('x-gateway-cost-usd', formatUsd(bill.cost))
    if (bill?.saved !== undefined) headers.set('x-gateway-saved-usd', formatUsd(bill.saved))
  }
  return response
}
