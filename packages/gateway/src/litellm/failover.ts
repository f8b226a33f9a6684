import type { Call, Handler, Stage } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { isGivenUp } from '../core/retries.ts'
import { detached, type Fault } from '../util/faults.ts'
import type { Warn } from '../util/log.ts'
import type { LitellmSettings } from './options.ts'
import { litellmFields, NO_CACHE } from './request.ts'
import { proxyTarget } from './target.ts'

/** How calls have left since the gateway was made. */
export type ProxyFailoverStats = {
  /** Where calls go now. */
  way: 'direct' | 'litellm'
  /** Calls that went through the proxy. */
  detours: number
}

/** `open`: calls go straight. `broken`: through the proxy. `trial`: the next one may go straight again. */
type CircuitState = {
  state: 'open' | 'broken' | 'trial'
  failures: number
  since: number
  lookAt: number
  waitMs: number
}

type Parts = {
  proxy: LitellmSettings
  /** Sends what has been aimed at the proxy. */
  proxied: Handler
  /** Whether upstream answers at all; costs no tokens. */
  probe: (call: Call) => Promise<boolean>
  say: Warn
  fault: Fault
  stats: ProxyFailoverStats
}

const LONGEST_MS = 120_000

/**
 * When the direct route breaks, calls go through the proxy, and come back by themselves. Who looks whether it is whole
 * again is no caller: first a request that nobody waits for, and then one call, which takes the other way if it fails.
 */
export function proxyFailover({ proxy, proxied, probe, say, fault, stats }: Parts): Stage {
  const ways = new Map<string, CircuitState>()

  return (next) =>
    async function detour(call) {
      const { outbound: outgoing } = call
      if (outgoing.immutable || outgoing.path === undefined) return await next(call)
      const origin = new URL(outgoing.url).origin
      const way = ways.get(origin) ?? wholeWay()
      ways.set(origin, way)
      if (way.state === 'broken') {
        look(way, call)
        return await around(next, call, outgoing.path)
      }
      const isTrial = way.state === 'trial'
      if (isTrial) become(way, 'broken')
      const reply = await next(call)
      const isBroken = await broke(reply, call)
      if (isBroken === undefined) return reply
      if (!isBroken) {
        restore(way, origin)
        return reply
      }
      way.failures += 1
      if (way.state === 'open' && way.failures >= proxy.afterFailures) close(way, origin)
      return isTrial && (await mayAskAgain(reply, call)) ? await around(next, call, outgoing.path) : reply
    }

  async function around(next: Handler, call: Call, path: string): Promise<Reply> {
    stats.detours += 1
    const { headers } = call.outbound
    // Our own cache is in charge: the proxy's would be a second one, with other rules.
    const edits = litellmFields(call, NO_CACHE)
    const reply = await proxied({
      ...call,
      outbound: { ...call.outbound, ...proxyTarget(proxy, { path, headers }), bodyEdits: edits },
    })
    // Where the proxy is away as well, there is nothing to lose.
    const isAway = reply.recording.status === undefined && (await reply.recording.ended).type === 'failed'
    return isAway && !call.signal.aborted && (await mayAskAgain(reply, call)) ? await next(call) : reply
  }

  function close(way: CircuitState, origin: string) {
    Object.assign(way, { since: performance.now(), waitMs: proxy.lookAgainMs })
    become(way, 'broken')
    say(
      'detour',
      `${origin} has failed ${way.failures} times in a row: calls go through the LiteLLM proxy at ${new URL(proxy.base).origin} until it is back.`,
    )
  }

  function restore(way: CircuitState, origin: string) {
    if (way.state !== 'open')
      say(
        'return',
        `${origin} is back after ${Math.ceil((performance.now() - way.since) / 1_000)} s: calls go straight again.`,
      )
    way.failures = 0
    become(way, 'open')
  }

  function become(way: CircuitState, state: CircuitState['state']) {
    way.state = state
    if (state === 'broken') way.lookAt = performance.now() + way.waitMs
    stats.way = [...ways.values()].every(({ state }) => state === 'open') ? 'direct' : 'litellm'
  }

  function look(way: CircuitState, call: Call) {
    if (performance.now() < way.lookAt) return
    way.waitMs = Math.min(LONGEST_MS, way.waitMs * 2)
    way.lookAt = performance.now() + way.waitMs
    const found = probe(call).then((answers) => {
      if (answers && way.state === 'broken') become(way, 'trial')
    })
    detached(found, fault, 'a probe')
  }
}

/** One reservation holds the worst case of one request: under a budget, no second one follows that may be billed, too. */
const mayAskAgain = async ({ recording }: Reply, { caller }: Call) =>
  caller.limits?.usdPerDay === undefined || (await recording.ended).usage.bill === 'none'

const wholeWay = (): CircuitState => ({ state: 'open', failures: 0, since: 0, lookAt: 0, waitMs: 0 })

/** No answer, or that of a server that is broken; `undefined`: nobody waited to see. */
async function broke({ recording }: Reply, call: Call): Promise<boolean | undefined> {
  if (recording.status !== undefined) return recording.status >= 500
  const ending = await recording.ended
  // A connection that was closed while it was idle says nothing of upstream.
  if (ending.type === 'failed') return ending.unseen ? undefined : true
  return isGivenUp(call) ? undefined : true
}
