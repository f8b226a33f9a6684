import { createGateway } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, onTestFinished, test } from 'vitest'
import { ask } from './support.ts'

const DELAY_MS = 150

test('the record of a direct call begins when the call was made', async () => {
  const upstream = await startFakeOpenAI()
  onTestFinished(() => upstream.close())
  const records: { startedAt: number; latencyMs: number }[] = []
  const gateway = createGateway({
    agent: 'support',
    policy: { mode: 'direct' },
    redis: false,
    logger: false,
    onCall: (record) => void records.push(record),
    fetch: async (...args) => {
      await new Promise((resolve) => setTimeout(resolve, DELAY_MS))
      return await fetch(...args)
    },
  })
  const madeAt = Date.now()
  const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer test' },
    body: JSON.stringify(ask('hello')),
  })
  const answeredAt = Date.now()
  await response.json()
  await gateway.close()
  expect(records).toHaveLength(1)
  // A timer may fire a millisecond early.
  expect(records[0]?.latencyMs).toBeGreaterThanOrEqual(DELAY_MS - 1)
  expect(records[0]?.startedAt).toBeLessThanOrEqual(answeredAt - DELAY_MS + 1)
  expect(records[0]?.startedAt).toBeGreaterThanOrEqual(madeAt)
})
