import { fromResponse, type UpstreamResponse } from '../body/upstream-response.ts'
import { dispatched } from './dispatch.ts'
import type { Dispatcher } from './dispatcher.ts'
import { ResponseHandoff } from './response-handoff.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** Symbol of the global dispatcher, set at the first use of `fetch`; a program's replacement is stored there, too. */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1')

/**
 * Per origin, whether later requests may bypass `fetch`: `true` after a direct answer to the first request; `false`
 * permanently after a redirect or another status that only `fetch` handles. Ports that `fetch` refuses never get here.
 */
const origins = new Map<string, boolean>()
const MOST_ORIGINS = 1_000

/**
 * Sends a request through the transport. If that is Node's own `fetch`, all requests to an origin except the first use its
 * connections directly. A `fetch` that a program, a test or a tracer has supplied or replaced is called.
 * @param leaves runs just before the request is sent.
 */
export async function requestUpstream(
  transport: typeof fetch,
  url: string,
  init: RequestInit,
  leaves: () => void,
  tracked: TrackedRequest,
): Promise<UpstreamResponse> {
  const own = transport === globalFetch ? globalThis.fetch : transport
  const dispatcher = isNodes(own) ? dispatcherOf() : undefined
  const post = dispatcher && plainPost(url, init)
  const send = () => {
    leaves()
    return transport(url, init)
  }
  if (dispatcher === undefined || post === undefined)
    return fromResponse(await tracked.sendBy(own, send), !isNodes(own))
  const { origin } = post.url
  if (origins.get(origin)) {
    // A mock compares the text of bodies.
    const body = dispatcher.isMockActive ? post.body : tracked.body(post.body)
    leaves()
    const answer = await dispatched(dispatcher, { ...post, body })
    if (!(answer instanceof ResponseHandoff)) return answer
    origins.set(origin, false)
    try {
      return fromResponse(await transport(url, { ...init, dispatcher: answer } as RequestInit))
    } finally {
      answer.release()
    }
  }
  const isFirst = !origins.has(origin) && origins.size < MOST_ORIGINS
  // The first request to an origin opens its connection.
  const response = await (isFirst ? send() : tracked.sendBy(own, send))
  if (isFirst) origins.set(origin, !response.redirected)
  return fromResponse(response)
}

/** Returns a request that has only the SDK's usual options; `undefined` for others, which `fetch` handles. */
function plainPost(address: string, { method, headers, body, signal, ...rest }: RequestInit) {
  if (method?.toUpperCase() !== 'POST' || typeof body !== 'string' || !signal) return undefined
  if (!(headers instanceof Headers) || Object.keys(rest).length > 0) return undefined
  return { url: parsedUrl(address), headers, body, signal }
}

/** Parses an address. The result must not be changed: the last one is kept, since most processes call one address. */
function parsedUrl(address: string): URL {
  if (lastUrl?.address !== address) lastUrl = { address, url: new URL(address) }
  return lastUrl.url
}

let lastUrl: { address: string; url: URL } | undefined

/** Calls the current global `fetch`, which tests and instrumentation replace. */
export const globalFetch: typeof fetch = (...args) => globalThis.fetch(...args)

let nodes: typeof fetch | undefined

/** Returns whether a transport is Node's own `fetch`, which follows redirects according to the standard. */
export const isStandard = (transport: typeof fetch): boolean =>
  isNodes(transport === globalFetch ? globalThis.fetch : transport)

/** Returns whether a function is Node's built-in `fetch`: only that one loads Node's internal module. */
export function isNodes(transport: typeof fetch): boolean {
  if (transport === nodes) return true
  if (others.has(transport)) return false
  if (transport.name === 'fetch' && SOURCE.test(Function.prototype.toString.call(transport))) {
    nodes = transport
    return true
  }
  others.add(transport)
  return false
}

/** Functions that are known to be other ones: the text of a function is built anew each time. */
const others = new WeakSet<typeof fetch>()

const SOURCE = /\brequire\('internal\/deps\/undici\/undici'\)/

function dispatcherOf(): Dispatcher | undefined {
  return (globalThis as { [DISPATCHER]?: Dispatcher })[DISPATCHER]
}
