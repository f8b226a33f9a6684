import { createGatewayClient } from '@hotdash/llm-gateway'
import type { Report, Sink } from '@hotdash/llm-gateway/sinks'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { allowLogInFile } from './console.ts'
import { runs } from './runs.ts'
import { ask } from './support.ts'

/** Sinks that hang are closed before they have taken what waits. */
allowLogInFile('GW_SINK_DROPPED', 'GW_SINK_DOWN')

const MIB = 1024 * 1024

/** `FUZZ_RUNS=25` makes 10,000 calls. */
const CALLS = runs(400)

test(
  'answers of 300 KB, however many, hold no more before a sink that hangs than the queue allows',
  async () => {
    const upstream = await startFakeOpenAI({ tokens: 'approximate' })
    const hung: Sink = { name: 'hung', deliver: () => new Promise(() => undefined), deadlineMs: 600_000 }
    const client = createGatewayClient({
      baseURL: upstream.baseURL,
      apiKey: 'k',
      gateway: { agent: 'support', policy: {}, cache: false, sinks: [hung], queue: { maxBytes: 16 * MIB } },
    })
    const text = 'ä'.repeat(300_000)
    const call = async (at: number) => {
      upstream.answer({ text: `${at} ${text}` })
      await client.chat.completions.create(ask(`${at}`))
    }
    for (let at = 0; at < 20; at += 1) await call(at)
    const before = await heldBytes()
    for (let at = 0; at < CALLS; at += 1) {
      await call(at)
      if (at % 50 === 0) upstream.requests.length = 0
    }
    upstream.requests.length = 0
    const { queued = 0, dropped = 0 } = client.gateway.stats().sinks?.hung ?? {}
    expect(queued + dropped).toBe(CALLS + 20)
    // A text of 200,000 characters that needs two bytes each: 0.4 MB of a report, and the batch that is under way.
    expect(queued).toBeLessThan(160)
    expect((await heldBytes()) - before).toBeLessThan(100 * MIB)
    await client.gateway.close(10)
    await upstream.close()
  },
  120_000 + 400 * CALLS,
)

test('what a report holds is masked before it waits, and none of what it was made of', async () => {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const told: Report[] = []
  let masked = 0
  const sink: Sink = {
    name: 'slow',
    lingerMs: 60_000,
    deliver: async (reports) => void told.push(...reports),
  }
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'k',
    gateway: {
      agent: 'support',
      policy: {},
      sinks: [sink],
      mask(text) {
        masked += 1
        return text.replaceAll('secret', '…')
      },
    },
  })
  await client.chat.completions.create(ask('a secret question'))
  for (let turns = 0; turns < 100 && masked === 0; turns += 1)
    await new Promise((next) => setTimeout(next, 5))
  expect([masked > 0, told.length]).toEqual([true, 0])
  expect(await client.gateway.flush()).toBe(true)
  expect(JSON.stringify(told[0]?.content?.input)).toContain('a … question')
  await client.gateway.close()
  await upstream.close()
})

async function heldBytes(): Promise<number> {
  for (let times = 0; times < 3; times += 1) {
    global.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
