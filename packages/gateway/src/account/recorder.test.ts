import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Call } from '../core/call.ts'
import { newCallState } from '../core/call-state.ts'
import type { NanoUsd } from '../core/money.ts'
import type { CallRecord } from '../core/record.ts'
import type { Ending } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { NO_USAGE } from '../core/usage.ts'
import { createDeferredQueue, createMicrotaskQueue, type DeferredQueue } from '../util/deferred.ts'
import { createCounters } from './counters.ts'
import { createRecorder } from './recorder.ts'
import { account } from './stage.ts'

/** One attempt: what it costs (`undefined`: unknown), and when that is known, in turns after its end. */
type Attempt = { cost: number | undefined; pricedAfter: number }

const attempt: fc.Arbitrary<Attempt> = fc.record({
  cost: fc.option(fc.nat(10_000), { nil: undefined, freq: 8 }),
  pricedAfter: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(6)),
})

const fault = (error: unknown) => {
  throw error
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function world(attempts: Attempt[], later: DeferredQueue) {
  const records: CallRecord[] = []
  const emit = (record: CallRecord) => void records.push(record)
  const recorder = createRecorder(createCounters(), later, emit, fault, () => undefined)
  const state = newCallState(false, { maxRetries: attempts.length - 1 })
  const priced = async ({ cost, pricedAfter }: Attempt) => {
    await turns(pricedAfter)
    return cost as NanoUsd | undefined
  }
  const send = () => Promise.reject(new Error('nothing is sent as it is here'))
  const run = account(recorder, { fault, deferred: later, send })(async ({ attempt }) => {
    const isLast = attempt === attempts.length - 1
    const ending: Ending = { type: 'complete', usage: NO_USAGE, answer: () => undefined }
    const recording = {
      status: isLast ? 200 : 500,
      headers: new Headers(),
      ended: turns(1).then(() => ending),
    } as Reply['recording']
    return { via: 'upstream', model: 'm', route: 'requested', recording }
  })
  const callOf = (attempt: number) =>
    ({
      attempt,
      state,
      operation: 'chat',
      body: {},
      model: 'm',
      signal: new AbortController().signal,
      caller: { agent: 'a', team: 't', mode: 'embedded' },
      controls: { tags: [] },
      view: { stream: false },
      outbound: { url: 'http://upstream/v1/chat/completions' },
      policy: { prices: { cost: () => priced(attempts[attempt] as Attempt) } },
    }) as unknown as Call
  return { records, run, callOf, recorder }
}

test.each([
  ['at once', createMicrotaskQueue],
  ['later', createDeferredQueue],
] as const)(
  'a call whose attempts are priced in any order has one record, with all of their costs (written %s)',
  async (_, later) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(attempt, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
        async (attempts, pauses) => {
          const { records, run, callOf, recorder } = world(attempts, later(fault))
          const sumTo = (end: number) =>
            attempts
              .slice(0, end)
              .reduce<number | undefined>(
                (sum, { cost }) => (sum === undefined || cost === undefined ? undefined : sum + cost),
                0,
              )
          const headers: Promise<void>[] = []
          for (const [at] of attempts.entries()) {
            const reply = await run(callOf(at)).catch(() => undefined)
            // The SDK asks again as soon as an attempt has failed, whether or not it is priced.
            const bill = Promise.resolve(reply?.cost).then((bill) => {
              // A header covers all attempts up to this one, or none.
              if (bill?.cost !== undefined) expect(bill.cost).toBe(sumTo(at + 1))
            })
            headers.push(bill)
            await turns(pauses[at] ?? 0)
          }
          await Promise.all(headers)
          await recorder.settled()
          await turns(10)
          expect(records).toHaveLength(1)
          const whole = sumTo(attempts.length)
          expect(records[0]?.costUsd).toBe(whole === undefined ? undefined : whole / 1e9)
        },
      ),
      { numRuns: runs(150) },
    )
  },
)
