import { createGateway, type Gateway } from '@hotdash/llm-gateway'
import { DeliveryError, type Sink } from '@hotdash/llm-gateway/sinks'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allowLog } from './console.ts'
import { runs } from './runs.ts'
import { ask } from './support.ts'

let upstream: FakeOpenAI
beforeAll(async () => {
  upstream = await startFakeOpenAI({ tokens: 'approximate' })
})
afterAll(async () => await upstream.close())

/** Delivers by `flush` alone, refuses what `spoilt` were, and can be down. */
function receiver() {
  const state = { down: false, spoilt: 0 }
  const sink: Sink = {
    name: 'receiver',
    lingerMs: 600_000,
    async deliver() {
      if (state.down) throw new DeliveryError('down')
      const refused = state.spoilt
      state.spoilt = 0
      return { rejected: refused, ...(refused > 0 && { reason: 'refused' }) }
    },
  }
  return { state, sink }
}

let questions = 0
async function call(gateway: Gateway) {
  questions += 1
  const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
    body: JSON.stringify(ask(`question ${questions}`)),
  })
  await response.text()
}

const gatewayTo = (sink: Sink, more = {}) =>
  createGateway({ agent: 'seo', redis: false, policy: {}, sinks: [sink], ...more })

const step = fc.constantFrom('call', 'spoilt call', 'down', 'up', 'flush', 'two flushes' as const)

test('flush is false for what waits, once for what was lost since the last, and else true', async () => {
  allowLog('GW_SINK_ERROR', 'GW_SINK_DOWN', 'GW_SINK_BACK', 'GW_SINK_REJECTED')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const { state, sink } = receiver()
      const gateway = gatewayTo(sink)
      let waiting = 0
      const expected = () => {
        if (state.down && waiting > 0) return false
        const lost = state.spoilt
        waiting = 0
        return lost === 0
      }
      for (const each of steps) {
        if (each === 'down' || each === 'up') state.down = each === 'down'
        else if (each === 'flush') {
          const says = expected()
          expect([each, await gateway.flush()]).toEqual([each, says])
        } else if (each === 'two flushes') {
          const says = expected()
          expect([each, await Promise.all([gateway.flush(), gateway.flush()])]).toEqual([each, [says, says]])
        } else {
          await call(gateway)
          waiting += 1
          if (each === 'spoilt call') state.spoilt += 1
        }
      }
      state.down = false
      await gateway.close()
    }),
    { numRuns: runs(25) },
  )
})

test('a loss that was found in the background is told by the next flush, by no other, and by the last word', async () => {
  allowLog('GW_SINK_ERROR')
  const { state, sink } = receiver()
  const kept: Promise<unknown>[] = []
  const gateway = gatewayTo(sink, { waitUntil: (work: Promise<unknown>) => void kept.push(work) })
  state.spoilt = 1
  await call(gateway)
  await Promise.all(kept)
  expect(gateway.stats().sinks?.receiver).toMatchObject({ rejected: 1, queued: 0 })
  expect(await gateway.flush()).toBe(false)
  expect(await gateway.flush()).toBe(true)
  await call(gateway)
  expect(await gateway.flush()).toBe(true)
  expect(await gateway.close()).toBe(false)
})

test('a flush that gave up waiting tells no loss of after it', async () => {
  allowLog('GW_SINK_REJECTED')
  let deliver: (delivery: { rejected: number }) => void = () => undefined
  const sink: Sink = {
    name: 'slow',
    lingerMs: 600_000,
    deliver: () => new Promise((resolve) => (deliver = resolve)),
  }
  const gateway = gatewayTo(sink)
  await call(gateway)
  expect(await gateway.flush(1)).toBe(false)
  const second = gateway.flush()
  deliver({ rejected: 1 })
  expect([await second, await gateway.flush()]).toEqual([false, true])
  await gateway.close()
})
