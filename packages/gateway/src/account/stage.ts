import { refuse } from '../body/refusal-response.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import type { NanoUsd } from '../core/money.ts'
import type { Ending } from '../core/recording.ts'
import { FAULT, FAULT_AFTER } from '../core/refusal-codes.ts'
import type { Cost, Reply } from '../core/reply.ts'
import { UNMETERED } from '../core/usage.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { type Fault, guarded } from '../util/faults.ts'
import { addCosts, type Recorder, type Timing } from './recorder.ts'

type Billed = Reply & { cost: Cost | Promise<Cost> }

const FREE = 0 as NanoUsd
const UNKNOWN: Cost = { cost: undefined, saved: undefined }

type Options = {
  fault: Fault
  deferred: DeferredQueue
  /** Sends a request unchanged. */
  send: Handler
}

/**
 * Opens the record on the way in and closes it when the answer has ended, also for hits and refusals. A throw of a
 * lower stage is a fault of the gateway and ends here: the call is refused, unless it has not been sent and no limit
 * or rule applies to its caller. Such a call is sent unchanged, once.
 */
export function account(recorder: Recorder, { fault, deferred, send }: Options): Stage {
  return (next) =>
    async function account(call) {
      const before = recorder.begin(call.state)
      call.state.barred = false
      let reply: Reply
      try {
        reply = await next(call)
      } catch (error) {
        fault(error, 'the pipeline')
        reply = await afterFault(call)
      }
      const known = reply.recording.ending
      const own = known === undefined ? recordLater(reply, call) : recordNow(reply, call, known)
      return before === 0 ? own : { ...own, cost: withEarlierCost(own.cost, before) }
    }

  async function afterFault(call: Call): Promise<Reply> {
    const { state, policy, caller, outbound } = call
    // A stage may have failed while lower ones were still at work.
    state.barred = true
    if (state.upstreamAttempts > 0) return { ...refuse(call, FAULT_AFTER), bypass: 'fault' }
    const isAstray = policy.egress.strayRefusal({ ...outbound, ...outbound.keys }) !== undefined
    const mayLeave = !policy.bindsCaller(caller) && !isAstray
    if (!mayLeave || call.purpose !== undefined) return { ...refuse(call, FAULT), bypass: 'fault' }
    const { init, headers, text } = outbound
    const unchanged = {
      ...outbound,
      immutable: true,
      injectUsage: false,
      init: { ...init, headers, body: text },
    }
    return { ...(await send({ ...call, outbound: unchanged, unchecked: true })), bypass: 'fault' }
  }

  /** Stored answers and refusals have ended before they are opened: there is nothing to wait for. */
  function recordNow(reply: Reply, call: Call, ending: Ending): Billed {
    const cost = guarded(() => costFor(ending, reply, call), fault, 'a record') ?? UNKNOWN
    const now = performance.now()
    const timing = { left: false, firstByte: call.view.stream ? now : undefined, endedAt: now }
    if (cost instanceof Promise || reply.semantic instanceof Promise)
      deferred.add(
        () => end(call, reply, ending, cost, timing),
        () => recorder.end(call, { ...reply, semantic: undefined }, ending, UNKNOWN, timing),
      )
    else recorder.end(call, reply, ending, cost, timing)
    return { ...reply, cost }
  }

  /** Waits for the parts still being computed, then closes the record. */
  async function end(call: Call, reply: Reply, ending: Ending, cost: Cost | Promise<Cost>, timing: Timing) {
    const semantic = await settle(reply.semantic, undefined)
    recorder.end(call, { ...reply, semantic }, ending, await settle(cost, UNKNOWN), timing)
  }

  /** A failed part must not lose the whole record. */
  async function settle<T>(part: T | Promise<T>, otherwise: T): Promise<T> {
    try {
      return await part
    } catch (error) {
      fault(error, 'a record')
      return otherwise
    }
  }

  function recordLater(reply: Reply, call: Call): Billed {
    const timing: Timing = { left: false, firstByte: undefined, endedAt: 0 }
    const over = reply.recording.ended.catch(
      (error: unknown): Ending => ({ type: 'failed', usage: UNMETERED, error }),
    )
    const cost = over
      .then((ending) => costFor(ending, reply, call))
      .catch((error: unknown) => {
        fault(error, 'a record')
        return UNKNOWN
      })
    deferred.after(
      over,
      (ending) => {
        timing.endedAt = performance.now()
        return end(call, reply, ending, cost, timing)
      },
      () =>
        recorder.end(call, reply, { type: 'failed', usage: UNMETERED, error: undefined }, UNKNOWN, timing),
    )
    const recording: Reply['recording'] = {
      ...reply.recording,
      async open(view, leave) {
        const response = await reply.recording.open(view, (early) => {
          timing.left ||= early
          leave(early)
        })
        timing.firstByte = performance.now()
        return response
      },
    }
    return { ...reply, recording, cost }
  }
}

/** Adds the cost of the call's earlier attempts, as its record does. */
function withEarlierCost(cost: Cost | Promise<Cost>, before: NanoUsd | undefined): Cost | Promise<Cost> {
  if (cost instanceof Promise) return cost.then((cost) => withEarlierCost(cost, before))
  return { ...cost, cost: addCosts(cost.cost, before) }
}

/** Returns the cost of an answer, on all paths. */
export function costFor(ending: Ending, reply: Reply, call: Call): Cost | Promise<Cost> {
  // A request sent before the fault may cost an unknown amount.
  if (reply.refusal === 'gateway_fault' && call.state.upstreamAttempts > 0) return UNKNOWN
  if (reply.via === 'refused') return { cost: FREE, saved: FREE }
  if (ending.usage.unknown) return UNKNOWN
  const cost = call.policy.prices.cost(reply.model, ending.usage.usage, ending.usage.tier)
  return cost instanceof Promise
    ? cost.then((cost) => costAndSaving(cost, reply))
    : costAndSaving(cost, reply)
}

function costAndSaving(known: NanoUsd | undefined, { via, reportedCost }: Reply): Cost {
  const cost = known ?? reportedCost
  return via === 'upstream' ? { cost, saved: FREE } : { cost: FREE, saved: cost }
}
