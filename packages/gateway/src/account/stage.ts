import type { Ending } from '../body/recording.ts'
import type { Call, Reply, Stage } from '../call.ts'
import { serviceTier } from '../quota/ask.ts'
import type { MicroUsd } from '../quota/store.ts'
import type { PriceBook } from './price.ts'
import type { Recorder } from './recorder.ts'

/** What an answer cost, and what it would have. `undefined`: unknown, which is not nothing. */
export type Bill = { cost: MicroUsd | undefined; saved: MicroUsd | undefined }

const FREE = 0 as MicroUsd

/** Opens the record on the way in and closes it when the answer has ended; hits and refusals count like the rest. */
export function account(prices: PriceBook, recorder: Recorder): Stage {
  return (next) =>
    async function account(call) {
      const { origin } = call
      origin.draft ??= { attempts: [], spent: 0, estimated: false, overdue: undefined }
      clearTimeout(origin.draft.overdue)
      recorder.begin(origin)

      const reply = await next(call)
      let left = false
      let firstByte: number | undefined
      const bill = reply.recording.ended.then((ending) => billFor(ending, reply, call))
      const recording: Reply['recording'] = {
        ...reply.recording,
        async open(view, leave) {
          const response = await reply.recording.open(view, (early) => {
            left ||= early
            leave(early)
          })
          firstByte = performance.now()
          return response
        },
      }
      void close()
      return { ...reply, recording, bill }

      async function close() {
        const ending = await reply.recording.ended
        recorder.end(call, reply, ending, await bill, { left, firstByte })
      }
    }

  async function billFor(ending: Ending, reply: Reply, call: Call): Promise<Bill> {
    const cost = await prices.cost(reply.model, ending.usage.usage, serviceTier(call))
    if (reply.via === 'upstream') return { cost, saved: FREE }
    return { cost: FREE, saved: reply.via === 'refused' ? FREE : cost }
  }
}
