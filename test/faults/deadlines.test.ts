import { GatewayOptionsError } from '@hotdash/llm-gateway'
import type { Sink } from '@hotdash/llm-gateway/sinks'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allowLog } from '../console.ts'
import { runs, SEED } from '../runs.ts'
import { ask, setup } from '../support.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Longer than any timer of Node can wait. */
const huge = fc.oneof(
  fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.MAX_VALUE, Number.POSITIVE_INFINITY),
  fc.integer({ min: 2 ** 31, max: Number.MAX_SAFE_INTEGER }),
)

test('however long a deadline is, it is no short one', async () => {
  await fc.assert(
    fc.asyncProperty(
      huge,
      huge,
      fc.constantFrom('flush' as const, 'close' as const),
      async (ms, deadlineMs, how) => {
        const got: string[] = []
        const deliver: Sink['deliver'] = async (reports, signal) => {
          await pause(40)
          if (!signal.aborted) got.push(...reports.map(({ record }) => record.id))
          return undefined
        }
        const { client } = await setup({ redis: false, sinks: [{ name: 's', deadlineMs, deliver }] })
        await client.chat.completions.create(ask('x'))
        expect(await client.gateway[how](ms)).toBe(true)
        expect(got).toHaveLength(1)
      },
    ),
    { numRuns: runs(15), seed: SEED },
  )
})

test('a call may wait for a limit for longer than a timer can', async () => {
  const policy = { teams: { t: { agents: ['support'], rpm: 1, maxWaitMs: 1e12 } } }
  const { client, upstream } = await setup({ redis: false, policy, onLimit: 'wait', cache: false })
  await client.chat.completions.create(ask('one'))
  const leave = new AbortController()
  const waiting = client.chat.completions.create(ask('two'), { signal: leave.signal })
  const first = await Promise.race([
    waiting.then(
      () => 'answered',
      () => 'refused',
    ),
    pause(300),
  ])
  leave.abort()
  await expect(waiting).rejects.toThrow('aborted')
  expect(first).toBeUndefined()
  expect(upstream.count()).toBe(1)
})

test.each([
  { deadlineMs: Number.NaN },
  { deadlineMs: -1 },
  { lingerMs: '5' },
  { batch: 0 },
  { start: Number.NaN },
])('a sink with figures that are none is refused: %o', async (figures) => {
  const sink = { name: 's', deliver: async () => undefined, ...figures } as Sink
  await expect(setup({ redis: false, sinks: [sink] })).rejects.toThrow(GatewayOptionsError)
})

/** What a sink may do with each delivery. */
const sinks = fc.constantFrom('takes', 'is slow', 'hangs', 'fails', 'takes none')
const orders = fc.array(fc.constantFrom('flush' as const, 'close' as const), { minLength: 1, maxLength: 4 })

test('in whatever order flush and close are called beside each other, true means delivered, and nothing waits for ever', async () => {
  allowLog('GW_SINK_DROPPED', 'GW_SINK_DOWN')
  await fc.assert(
    fc.asyncProperty(sinks, orders, orders, async (does, beside, after) => {
      let got = 0
      const deliver: Sink['deliver'] = async (reports) => {
        if (does === 'hangs') await new Promise(() => undefined)
        if (does === 'fails') throw Object.assign(new Error('away'), { name: 'DeliveryError' })
        if (does === 'takes none') return { retry: [...reports] }
        if (does === 'is slow') await pause(20)
        got += reports.length
        return undefined
      }
      const { client } = await setup({ redis: false, sinks: [{ name: 's', deliver }] })
      await client.chat.completions.create(ask('x'))
      const told = await Promise.all(beside.map((how) => client.gateway[how](60)))
      if (told.includes(true)) expect(got).toBe(1)
      const first = await client.gateway[after[0] ?? 'flush'](60)
      if (first && !beside.includes('close')) expect(got).toBe(1)
      await client.gateway.close(60)
      const { state, queued, delivered = 0, dropped = 0 } = client.gateway.stats().sinks?.s ?? {}
      expect({ state, queued, all: delivered + dropped }).toEqual({ state: 'closed', queued: 0, all: 1 })
      if (does === 'takes' || does === 'is slow') expect(got).toBeGreaterThanOrEqual(delivered)
      else expect(delivered).toBe(0)
    }),
    { numRuns: runs(40), seed: SEED },
  )
})
