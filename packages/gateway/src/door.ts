import { formatUsd } from './account/price.ts'
import { cacheState } from './account/recorder.ts'
import type { Counters } from './account/stats.ts'
import { textOfRequest } from './body/request.ts'
import type { Call, Handler, JsonObject, Operation, Reply } from './call.ts'
import type { Below, Governs } from './governed.ts'
import { controlsOf } from './identify/controls.ts'
import { hasGatewayHeaders, readHeaders, withoutGatewayHeaders } from './identify/headers.ts'
import { readBody } from './identify/litellm.ts'
import { originOf } from './identify/origin.ts'
import type { Caller, Claim } from './identify/who.ts'
import { object, text } from './json.ts'
import { aimed, turned } from './litellm/aim.ts'
import type { PassThrough } from './pass-through.ts'
import { createReader, type Reading } from './reading.ts'
import { refusalResponse } from './refuse.ts'
import type { Settings } from './settings.ts'
import { whileWanted } from './wait.ts'

export type House = {
  settings: Settings
  handler: Handler
  counters: Counters
  who: (claim: Claim) => Caller
  /** Until it settles, it is not known whether another policy than the program's own is in force. */
  starting: () => Promise<unknown> | undefined
  /** The way of what is not governed. */
  passThrough: PassThrough
}

/** How one client comes in. `frozen`: its requests are signed or routed by a provider; they leave as they came. */
export type Entrance = { transport: typeof fetch; governs: Governs; below: Below; frozen: boolean }

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
      call = callOf(house, entrance, { ...found, url, init: own, source, reading })
      reply = await handler(call)
    } catch (error) {
      counters.counts.faults += 1
      // A mistake of ours. What has not left yet goes as the caller sent it; what has left is never sent twice.
      if (call === undefined || call.origin.sent === 0)
        return await entrance.transport(...turned(settings.litellm, entrance, input, init))
      const message = `The gateway failed after the request was sent: ${error}`
      return refusalResponse({ code: 'gateway_fault', message }, url)
    }
    return await respond(reply, call)
  }
}

type Incoming = {
  operation: Operation
  model?: string
  url: string
  init: RequestInit
  source: string
  reading: Reading
}

function callOf({ settings, who }: House, { transport, below, frozen }: Entrance, incoming: Incoming): Call {
  const { url, init, source, operation } = incoming
  const sent = init.headers instanceof Headers ? init.headers : new Headers(init.headers)
  const attempt = Number(sent.get('x-stainless-retry-count')) || 0
  const origin = originOf(init, attempt, settings.onCall !== undefined)
  const marked = hasGatewayHeaders(sent)
  const fromHeaders = marked ? readHeaders(sent) : undefined
  const fromBody = frozen ? undefined : readBody(incoming.reading.body)
  const reading = fromBody
    ? { body: edited(incoming.reading.body, fromBody.edits), questions: {} }
    : incoming.reading
  const { body } = reading
  const stream = body.stream === true
  const includeUsage = object(body.stream_options).include_usage === true
  const signal = init.signal ?? new AbortController().signal
  const path = frozen || incoming.model !== undefined ? undefined : below(url)
  const { litellm } = settings
  const proxied = litellm?.role === 'always' && path !== undefined
  const headers = marked ? withoutGatewayHeaders(sent) : sent
  return {
    attempt,
    arrivedAt: attempt === 0 ? origin.startedAt : performance.now(),
    origin,
    operation,
    body,
    reading,
    signal,
    caller: who({
      agent: fromHeaders?.agent ?? origin.context?.agent ?? settings.agent,
      key: fromHeaders?.key ?? settings.key,
      team: settings.team,
    }),
    controls: controlsOf([settings.standing, origin.context, fromHeaders, fromBody?.context]),
    model: incoming.model ?? (text(body.model) || 'auto'),
    route: 'requested',
    view: { stream, includeUsage, signal },
    outgoing: {
      transport,
      init,
      ...(proxied ? aimed(litellm, { path, headers, key: fromHeaders?.key }) : { url, headers }),
      path,
      text: source,
      edits: fromBody?.edits ?? {},
      injectUsage: stream && !includeUsage && !frozen && asksForUsage(operation, url, settings, proxied),
      frozen: frozen || incoming.model !== undefined,
    },
  }
}

function edited(body: JsonObject, edits: Record<string, unknown>): JsonObject {
  const kept = Object.entries({ ...body, ...edits }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as JsonObject
}

/** Not every server that speaks OpenAI's language knows `stream_options`. */
function asksForUsage(operation: Operation, url: string, { policy }: Settings, proxied: boolean): boolean {
  if (operation !== 'chat' && operation !== 'completions') return false
  if (policy.streamUsage === 'always') return true
  return policy.streamUsage !== 'never' && (proxied || url.startsWith('https://api.openai.com/'))
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
