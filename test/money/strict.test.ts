import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { clientFor, policyOf } from './schedule.ts'
import { type Plan, startBilling } from './upstream.ts'
import type { Body } from './work.ts'

const TPM = 5_000
const MOST = 1_000

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

const whole: Plan = { fate: { type: 'whole' }, telling: 'true', zeal: 'most' }

test.each<[string, Plan, Body, { timeout?: number; leaves?: true }]>([
  ['told', whole, {}, {}],
  ['without usage', { ...whole, telling: 'none' }, {}, {}],
  ['of a usage that is too small', { ...whole, telling: 'sum' }, {}, {}],
  ['cut after the headers', { ...whole, fate: { type: 'cut', at: 0.5 } }, {}, {}],
  ['never sent', { ...whole, fate: { type: 'hang', at: 0 } }, {}, { timeout: 100 }],
  ['that the caller left', { ...whole, fate: { type: 'hang', at: 0.5 } }, { stream: true }, { leaves: true }],
])('strict: no minute holds more tokens than the limit, with answers %s', async (_, plan, more, how) => {
  const upstream = await startBilling(
    'default',
    () => 0,
    () => plan,
  )
  const teams = { t: { agents: ['a'], tpm: TPM, tpmMode: 'strict' as const } }
  const client = clientFor(upstream.baseURL, policyOf(1, { teams }), { maxRetries: 0 })
  open.push(upstream.close, () => client.gateway.close(1_000))
  const codes: unknown[] = []
  for (let at = 0; at < 10; at += 1) {
    const body: Body = {
      model: 'o4-mini',
      messages: [{ role: 'user', content: 'q' }],
      max_completion_tokens: MOST,
      ...more,
    }
    const leaving = new AbortController()
    try {
      const { timeout } = how
      const options = timeout === undefined ? {} : { timeout }
      const read = await client.post('/chat/completions', {
        body,
        stream: body.stream === true,
        signal: leaving.signal,
        ...options,
      })
      if (how.leaves) await sleep(20)
      leaving.abort()
      if (body.stream === true) for await (const _ of read as AsyncIterable<unknown>);
    } catch (error) {
      codes.push((error as { code?: unknown }).code)
    }
    await client.gateway.flush()
  }
  const made = upstream.books.entries.reduce((sum, { work }) => sum + work.input + work.output, 0)
  expect(made).toBeLessThanOrEqual(TPM)
  // Four fit: the most that each may write, and its question.
  expect(made).toBeGreaterThan(3 * MOST)
  expect(codes).toContain('gateway_tpm_exceeded')
})
