import { createGateway } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { allowLog } from '../console.ts'
import { runs } from '../runs.ts'
import { heldOf, optionsFor, stand, VERSIONS } from './kit.ts'

const CALLS = runs(10_000)
/** More bytes than all of them: answers count, too. */
const ROOMY = { maxBytes: 128 * 1024 * 1024 }

const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [
    { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'word '.repeat(200) } },
  ],
  usage: { prompt_tokens: 1_000, completion_tokens: 200, total_tokens: 1_200 },
})
const upstream: typeof fetch = () =>
  Promise.resolve(new Response(answer, { headers: { 'content-type': 'application/json' } }))

/** A gateway whose upstream answers at once, so that records come as fast as they can. */
async function flood(langfuse: object, queue: object | undefined, calls: number) {
  const records: Parameters<NonNullable<Parameters<typeof createGateway>[0]>['onCall'] & object>[0][] = []
  const gateway = createGateway({
    agent: 'support',
    quota: false,
    fetch: upstream,
    langfuse,
    ...(queue === undefined ? {} : { queue }),
    onCall: (record) => void records.push(record),
  })
  for (let call = 0; call < calls; call += 1) {
    const messages = [{ role: 'user', content: `question ${call}: ${'detail '.repeat(150)}` }]
    const response = await gateway.fetch('https://api.openai.com/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages }),
    })
    await response.text()
    if (call % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { gateway, records, stats: () => gateway.stats().sinks?.langfuse }
}

test.each(VERSIONS)(`%s: each of ${CALLS} calls arrives, and nothing is malformed`, async (version) => {
  const langfuse = await stand(version)
  const { gateway, records, stats } = await flood(optionsFor(langfuse), ROOMY, CALLS)
  expect(await gateway.flush(120_000)).toBe(true)
  expect(langfuse.malformed).toEqual([])
  expect(stats()).toMatchObject({ delivered: CALLS, rejected: 0, dropped: 0, queued: 0, failures: 0 })
  expect(heldOf(langfuse, records)).toBe(CALLS)
  expect(langfuse.observations.size).toBe(CALLS)
  expect(Math.max(...langfuse.requests.map(({ bytes }) => bytes))).toBeLessThan(2_500_000)
})

test('while a server hangs, memory stays bounded, and so do the requests to it', async () => {
  allowLog('GW_SINK_DOWN', 'GW_SINK_DROPPED')
  const langfuse = await stand('2.95.12')
  langfuse.fault({ type: 'hang' })
  const settings = { ...optionsFor(langfuse), timeoutMs: 500 }
  const before = await heap()
  const { gateway, records, stats } = await flood(settings, { maxReports: CALLS / 2 }, CALLS)
  records.length = 0
  const grown = (await heap()) - before
  const { queued = 0, dropped = 0, delivered } = stats() ?? {}
  expect({ sum: queued + dropped, delivered }).toEqual({ sum: CALLS, delivered: 0 })
  expect(queued).toBeLessThanOrEqual(CALLS / 2 + 50)
  expect(grown).toBeLessThan(64 * 1024 * 1024)
  expect(langfuse.requests.length).toBeLessThan(100)
  await gateway.close(100)
})

async function heap(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().heapUsed
}
