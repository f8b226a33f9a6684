import { refuse } from '../body/refuse.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import type { NanoUsd } from '../core/money.ts'
import type { Ending } from '../core/recording.ts'
import { FAULT, FAULT_AFTER } from '../core/refusal.ts'
import type { Cost, Reply } from '../core/reply.ts'
import { UNMETERED } from '../core/usage.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { type Fault, guarded } from '../util/faults.ts'
import { plus, type Recorder, type Timing } from './recorder.ts'

type Billed = Reply & { cost: Cost | Promise<Cost> }

const FREE = 0 as NanoUsd
const UNKNOWN: Cost = { cost: undefined, saved: undefined }

type Options = {
  fault: Fault
  later: DeferredQueue
  /** Sends a request as it is. */
  send: Handler
}

/**
 * Opens the record on the way in and closes it when the answer has ended; hits and refusals count like the rest.
 *
 * A throw below is a fault of the gateway, and ends here: the call is refused, unless it has not been sent and its caller
 * is bound by nothing that the fault may have skipped. That one is sent as it came, once.
 */
export function account(recorder: Recorder, { fault, later, send }: Options): Stage {
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
      const own = known === undefined ? follow(reply, call) : atOnce(reply, call, known)
      return before === 0 ? own : { ...own, cost: inAll(own.cost, before) }
    }

  async function afterFault(call: Call): Promise<Reply> {
    const { state: origin, policy: rules, caller, outbound: outgoing } = call
    // A stage may have failed while those below it were at work.
    origin.barred = true
    if (origin.upstreamAttempts > 0) return { ...refuse(call, FAULT_AFTER), bypass: 'fault' }
    const isAstray = rules.egress.strays({ ...outgoing, ...outgoing.keys }) !== undefined
    const mayLeave = !rules.bindsCaller(caller) && !isAstray
    if (!mayLeave || call.purpose !== undefined) return { ...refuse(call, FAULT), bypass: 'fault' }
    const { init, headers, text } = outgoing
    const asItIs = { ...outgoing, frozen: true, injectUsage: false, init: { ...init, headers, body: text } }
    return { ...(await send({ ...call, outbound: asItIs, unchecked: true })), bypass: 'fault' }
  }

  /** Answers at rest and refusals have ended before they are opened: nothing to wait for, nobody to leave early. */
  function atOnce(reply: Reply, call: Call, ending: Ending): Billed {
    const bill = guarded(() => costFor(ending, reply, call), fault, 'a record') ?? UNKNOWN
    const now = performance.now()
    const seen = { left: false, firstByte: call.view.stream ? now : undefined, endedAt: now }
    if (bill instanceof Promise || reply.semantic instanceof Promise)
      later.add(
        () => end(call, reply, ending, bill, seen),
        () => recorder.end(call, { ...reply, semantic: undefined }, ending, UNKNOWN, seen),
      )
    else recorder.end(call, reply, ending, bill, seen)
    return { ...reply, cost: bill }
  }

  /** The record waits for what is still being worked out. */
  async function end(call: Call, reply: Reply, ending: Ending, bill: Cost | Promise<Cost>, seen: Timing) {
    const meaning = await settled(reply.semantic, undefined)
    recorder.end(call, { ...reply, semantic: meaning }, ending, await settled(bill, UNKNOWN), seen)
  }

  /** A record is not lost for want of a part of it. */
  async function settled<T>(part: T | Promise<T>, otherwise: T): Promise<T> {
    try {
      return await part
    } catch (error) {
      fault(error, 'a record')
      return otherwise
    }
  }

  function follow(reply: Reply, call: Call): Billed {
    const seen: Timing = { left: false, firstByte: undefined, endedAt: 0 }
    const over = reply.recording.ended.catch(
      (error: unknown): Ending => ({ type: 'failed', usage: UNMETERED, error }),
    )
    const bill = over
      .then((ending) => costFor(ending, reply, call))
      .catch((error: unknown) => {
        fault(error, 'a record')
        return UNKNOWN
      })
    later.after(
      over,
      (ending) => {
        seen.endedAt = performance.now()
        return end(call, reply, ending, bill, seen)
      },
      () => recorder.end(call, reply, { type: 'failed', usage: UNMETERED, error: undefined }, UNKNOWN, seen),
    )
    const recording: Reply['recording'] = {
      ...reply.recording,
      async open(view, leave) {
        const response = await reply.recording.open(view, (early) => {
          seen.left ||= early
          leave(early)
        })
        seen.firstByte = performance.now()
        return response
      },
    }
    return { ...reply, recording, cost: bill }
  }
}

/** With what the call's earlier attempts cost, as its record has it. */
function inAll(bill: Cost | Promise<Cost>, before: NanoUsd | undefined): Cost | Promise<Cost> {
  if (bill instanceof Promise) return bill.then((bill) => inAll(bill, before))
  return { ...bill, cost: plus(bill.cost, before) }
}

/** What an answer cost, whoever sent the call. */
export function costFor(ending: Ending, reply: Reply, call: Call): Cost | Promise<Cost> {
  // What was sent before a fault may cost an amount that is unknown.
  if (reply.refusal === 'gateway_fault' && call.state.upstreamAttempts > 0) return UNKNOWN
  if (reply.via === 'refused') return { cost: FREE, saved: FREE }
  if (ending.usage.unknown) return UNKNOWN
  const cost = call.policy.prices.cost(reply.model, ending.usage.usage, ending.usage.tier)
  return cost instanceof Promise ? cost.then((cost) => split(cost, reply)) : split(cost, reply)
}

function split(known: NanoUsd | undefined, { via, reportedCost: charged }: Reply): Cost {
  const cost = known ?? charged
  return via === 'upstream' ? { cost, saved: FREE } : { cost: FREE, saved: cost }
}
