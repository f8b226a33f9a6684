import type { Call, Handler, Stage } from '../core/call.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import type { Reply } from '../core/reply.ts'
import { isGivenUp } from '../core/retries.ts'
import { counted } from '../util/counted.ts'
import { detached, type Fault } from '../util/faults.ts'
import type { LitellmSettings } from './options.ts'
import { litellmFields, NO_CACHE } from './request.ts'
import { proxyTarget } from './target.ts'

/** How calls have left since the gateway was made. */
export type ProxyFailoverStats = {
  /** Current route of calls. */
  active: 'direct' | 'litellm'
  /** Number of calls sent through the proxy. */
  calls: number
}

/**
 * Circuit breaker of the direct route. `closed`: calls go directly. `open`: through the proxy. `half-open`: the next
 * call tries the direct route.
 */
type CircuitState = {
  state: 'closed' | 'open' | 'half-open'
  failures: number
  since: number
  probeAt: number
  waitMs: number
}

type Parts = {
  proxy: LitellmSettings
  /** Sends a call whose target is the proxy. */
  proxied: Handler
  /** Whether upstream answers at all; costs no tokens. */
  probe: (call: Call) => Promise<boolean>
  warn: LimitedLog
  fault: Fault
  stats: ProxyFailoverStats
}

const MAX_PROBE_GAP_MS = 120_000

/**
 * Sends calls through the proxy while the direct route fails, and returns to the direct route by itself: first a
 * background probe must succeed, then one call, which falls back to the proxy if it fails.
 */
export function proxyFailover({ proxy, proxied, probe, warn, fault, stats }: Parts): Stage {
  const circuits = new Map<string, CircuitState>()

  return (next) =>
    async function proxyFailover(call) {
      const { outbound } = call
      if (outbound.immutable || outbound.path === undefined) return await next(call)
      const origin = new URL(outbound.url).origin
      const circuit = circuits.get(origin) ?? newCircuit()
      circuits.set(origin, circuit)
      if (circuit.state === 'open') {
        probeIfDue(circuit, call)
        return await sendThroughProxy(next, call, outbound.path)
      }
      const isTrial = circuit.state === 'half-open'
      if (isTrial) setState(circuit, 'open')
      const reply = await next(call)
      const isBroken = await hasFailed(reply, call)
      if (isBroken === undefined) return reply
      if (!isBroken) {
        closeCircuit(circuit, origin)
        return reply
      }
      circuit.failures += 1
      if (circuit.state === 'closed' && circuit.failures >= proxy.afterFailures) openCircuit(circuit, origin)
      return isTrial && (await mayAskAgain(reply, call))
        ? await sendThroughProxy(next, call, outbound.path)
        : reply
    }

  async function sendThroughProxy(next: Handler, call: Call, path: string): Promise<Reply> {
    stats.calls += 1
    const { headers } = call.outbound
    // The gateway's own cache is in charge: the proxy's would be a second one with other rules.
    const edits = litellmFields(call, NO_CACHE)
    const reply = await proxied({
      ...call,
      outbound: { ...call.outbound, ...proxyTarget(proxy, { path, headers }), bodyEdits: edits },
    })
    // If the proxy is unreachable as well, the direct route is worth a try.
    const isAway = reply.recording.status === undefined && (await reply.recording.ended).type === 'failed'
    return isAway && !call.signal.aborted && (await mayAskAgain(reply, call)) ? await next(call) : reply
  }

  function openCircuit(circuit: CircuitState, origin: string) {
    Object.assign(circuit, { since: performance.now(), waitMs: proxy.lookAgainMs })
    setState(circuit, 'open')
    warn(
      'GW_PROXY_FAILOVER',
      `${origin} has failed ${counted(circuit.failures, 'time')} in a row: calls go through the LiteLLM proxy at ${new URL(proxy.base).origin} until it is back.`,
    )
  }

  function closeCircuit(circuit: CircuitState, origin: string) {
    if (circuit.state !== 'closed')
      warn(
        'GW_PROXY_FAILOVER_ENDED',
        `${origin} is back after ${Math.ceil((performance.now() - circuit.since) / 1_000)} s: calls go directly again.`,
      )
    circuit.failures = 0
    setState(circuit, 'closed')
  }

  function setState(circuit: CircuitState, state: CircuitState['state']) {
    circuit.state = state
    if (state === 'open') circuit.probeAt = performance.now() + circuit.waitMs
    stats.active = [...circuits.values()].every(({ state }) => state === 'closed') ? 'direct' : 'litellm'
  }

  function probeIfDue(circuit: CircuitState, call: Call) {
    if (performance.now() < circuit.probeAt) return
    circuit.waitMs = Math.min(MAX_PROBE_GAP_MS, circuit.waitMs * 2)
    circuit.probeAt = performance.now() + circuit.waitMs
    const found = probe(call).then((answers) => {
      if (answers && circuit.state === 'open') setState(circuit, 'half-open')
    })
    detached(found, fault, 'a probe')
  }
}

/**
 * A reservation holds the worst case of one request: under a budget, no second request follows one that may be
 * billed.
 */
const mayAskAgain = async ({ recording }: Reply, { caller }: Call) =>
  caller.limits?.usdPerDay === undefined || (await recording.ended).usage.bill === 'none'

const newCircuit = (): CircuitState => ({ state: 'closed', failures: 0, since: 0, probeAt: 0, waitMs: 0 })

/** Whether upstream was unreachable or answered with 5xx; `undefined`: unknown, because the caller left. */
async function hasFailed({ recording }: Reply, call: Call): Promise<boolean | undefined> {
  if (recording.status !== undefined) return recording.status >= 500
  const ending = await recording.ended
  // A connection that was closed while idle says nothing about upstream.
  if (ending.type === 'failed') return ending.unseen ? undefined : true
  return isGivenUp(call) ? undefined : true
}
