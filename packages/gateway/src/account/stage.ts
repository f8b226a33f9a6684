import type { Ending } from '../body/recording.ts'
import type { Call, Reply, Stage } from '../call.ts'
import type { NanoUsd } from '../quota/store.ts'
import { plus, type Recorder, type Seen } from './recorder.ts'

/** What an answer cost, and what it would have. `undefined`: unknown, which is not nothing. */
export type Bill = { cost: NanoUsd | undefined; saved: NanoUsd | undefined }

type Billed = Reply & { bill: Bill | Promise<Bill> }

const FREE = 0 as NanoUsd

/** Opens the record on the way in and closes it when the answer has ended; hits and refusals count like the rest. */
export function account(recorder: Recorder): Stage {
  return (next) =>
    async function account(call) {
      const before = recorder.begin(call.origin)
      let reply: Reply
      try {
        reply = await next(call)
      } catch (error) {
        recorder.abandon(call.origin)
        throw error
      }
      const known = reply.recording.ending
      const own = known === undefined ? follow(reply, call) : atOnce(reply, call, known)
      return before === 0 ? own : { ...own, bill: inAll(own.bill, before) }
    }

  /** Answers at rest and refusals have ended before they are opened: nothing to wait for, nobody to leave early. */
  function atOnce(reply: Reply, call: Call, ending: Ending): Billed {
    const bill = billFor(ending, reply, call)
    const now = performance.now()
    const seen = { left: false, firstByte: call.view.stream ? now : undefined, endedAt: now }
    if (bill instanceof Promise || reply.meaning instanceof Promise) void end(call, reply, ending, bill, seen)
    else recorder.end(call, reply, ending, bill, seen)
    return { ...reply, bill }
  }

  /** The record waits for what is still being worked out. */
  async function end(call: Call, reply: Reply, ending: Ending, bill: Bill | Promise<Bill>, seen: Seen) {
    recorder.end(call, { ...reply, meaning: await reply.meaning }, ending, await bill, seen)
  }

  function follow(reply: Reply, call: Call): Billed {
    const seen: Seen = { left: false, firstByte: undefined, endedAt: 0 }
    const bill = reply.recording.ended.then((ending) => billFor(ending, reply, call))
    void reply.recording.ended.then((ending) => {
      seen.endedAt = performance.now()
      return end(call, reply, ending, bill, seen)
    })
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
    return { ...reply, recording, bill }
  }
}

/** With what the call's earlier attempts cost, as its record has it. */
function inAll(bill: Bill | Promise<Bill>, before: NanoUsd | undefined): Bill | Promise<Bill> {
  if (bill instanceof Promise) return bill.then((bill) => inAll(bill, before))
  return { ...bill, cost: plus(bill.cost, before) }
}

/** What an answer cost, whoever sent the call. */
export function billFor(ending: Ending, reply: Reply, call: Call): Bill | Promise<Bill> {
  if (reply.via === 'refused') return { cost: FREE, saved: FREE }
  const cost = call.rules.prices.cost(reply.model, ending.usage.usage, ending.usage.tier)
  return cost instanceof Promise ? cost.then((cost) => split(cost, reply)) : split(cost, reply)
}

function split(known: NanoUsd | undefined, { via, charged }: Reply): Bill {
  const cost = known ?? charged
  return via === 'upstream' ? { cost, saved: FREE } : { cost: FREE, saved: cost }
}
