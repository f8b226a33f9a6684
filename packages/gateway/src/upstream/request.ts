import { fromResponse, type UpstreamResponse } from '../body/upstream-response.ts'
import { dispatched } from './dispatch.ts'
import type { Dispatcher } from './dispatcher.ts'
import { Held } from './held.ts'
import type { Trip } from './trip.ts'

/** Where `fetch` keeps what it sends requests through, once it has been used; what replaces it is found there, too. */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1')

/**
 * Origins that have answered `fetch`; true: at once and themselves, from a port that `fetch` does not refuse. What once
 * redirected, or gave another answer of which only `fetch` knows what to do with it, is left to `fetch` for good.
 */
const origins = new Map<string, boolean>()
const MOST_ORIGINS = 1_000

/**
 * Has a request answered by the transport. Where that is Node's own `fetch`, all but the first go over its connections
 * without the rest of it; a `fetch` that was given or replaced, by a program, a test or a tracer, is called.
 */
export async function requestUpstream(
  transport: typeof fetch,
  url: string,
  init: RequestInit,
  /** Told just before the request leaves. */
  leaves: () => void,
  trip: Trip,
): Promise<UpstreamResponse> {
  const own = transport === globalFetch ? globalThis.fetch : transport
  const dispatcher = isNodes(own) ? dispatcherOf() : undefined
  const post = dispatcher && plainPost(url, init)
  const send = () => {
    leaves()
    return transport(url, init)
  }
  if (dispatcher === undefined || post === undefined)
    return fromResponse(await trip.by(own, send), !isNodes(own))
  const { origin } = post.url
  if (origins.get(origin)) {
    // A mock compares the text of bodies.
    const body = dispatcher.isMockActive ? post.body : trip.body(post.body)
    leaves()
    const arrival = await dispatched(dispatcher, { ...post, body })
    if (!(arrival instanceof Held)) return arrival
    origins.set(origin, false)
    try {
      return fromResponse(await transport(url, { ...init, dispatcher: arrival } as RequestInit))
    } finally {
      arrival.release()
    }
  }
  const isFirst = !origins.has(origin) && origins.size < MOST_ORIGINS
  // The first request to an origin opens its connection.
  const response = await (isFirst ? send() : trip.by(own, send))
  if (isFirst) origins.set(origin, !response.redirected)
  return fromResponse(response)
}

/** What the SDK's requests are made of. Anything else is a wish of the caller's that `fetch` knows how to fulfil. */
function plainPost(address: string, { method, headers, body, signal, ...rest }: RequestInit) {
  if (method?.toUpperCase() !== 'POST' || typeof body !== 'string' || !signal) return undefined
  if (!(headers instanceof Headers) || Object.keys(rest).length > 0) return undefined
  return { url: new URL(address), headers, body, signal }
}

/** Looked up at each call: tests and instrumentation replace it. */
export const globalFetch: typeof fetch = (...args) => globalThis.fetch(...args)

let nodes: typeof fetch | undefined

/** Whether requests leave by Node's own `fetch`, which follows redirects as the standard says. */
export const isStandard = (transport: typeof fetch): boolean =>
  isNodes(transport === globalFetch ? globalThis.fetch : transport)

/** Whether it is the `fetch` that Node comes with: no function of anybody else's loads Node's own module. */
export function isNodes(transport: typeof fetch): boolean {
  if (transport === nodes) return true
  if (transport.name !== 'fetch' || !SOURCE.test(Function.prototype.toString.call(transport))) return false
  nodes = transport
  return true
}

const SOURCE = /\brequire\('internal\/deps\/undici\/undici'\)/

function dispatcherOf(): Dispatcher | undefined {
  return (globalThis as { [DISPATCHER]?: Dispatcher })[DISPATCHER]
}
