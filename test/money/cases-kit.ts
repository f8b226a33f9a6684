import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayClient, Policy } from '@hotdash/llm-gateway'
import { expect } from 'vitest'
import { closeLater } from '../closing.ts'
import { until } from '../until.ts'
import { clientFor, policyOf } from './schedule.ts'
import { type Plan, startBilling } from './upstream.ts'
import type { Body } from './work.ts'

export const WHOLE: Plan = { fate: { type: 'whole' }, telling: 'true', zeal: 'most' }
const NO_MORE: Plan = { fate: { type: 'refused', status: 400 }, telling: 'none', zeal: 'some' }

export async function world(cap: number, plan: Plan, more: Policy = {}, project = 'default') {
  const upstream = await startBilling(
    project,
    () => 0,
    ({ model }) => (model === 'probe' ? NO_MORE : plan),
  )
  const client = clientFor(upstream.baseURL, policyOf(cap, more), { maxRetries: 0 })
  closeLater(upstream.close)
  closeLater(() => client.gateway.close(1_000))
  return { ...upstream, client }
}

type World = Awaited<ReturnType<typeof world>>

export async function ask(
  client: GatewayClient,
  path: string,
  body: Body,
  signal: AbortSignal = AbortSignal.timeout(10_000),
): Promise<{ code?: unknown } | undefined> {
  try {
    const answer = await client.post(path, { body, stream: body.stream === true, signal })
    if (body.stream === true) for await (const _ of answer as AsyncIterable<unknown>);
    return undefined
  } catch (error) {
    return error as { code?: unknown }
  }
}

/** Asks until the budget lets nothing more in, or `times`; upstream never bills more than the cap. */
export async function spend(
  { client, books }: World,
  cap: number,
  path: string,
  body: Body,
  { times = 40, leaveAfterMs }: { times?: number; leaveAfterMs?: number } = {},
) {
  const codes = new Set<unknown>()
  for (let at = 0; at < times; at += 4) {
    const leave = new AbortController()
    const asks = Array.from({ length: 4 }, () =>
      ask(client, path, body, leaveAfterMs === undefined ? undefined : leave.signal),
    )
    if (leaveAfterMs !== undefined) {
      const heard = books.entries.length
      await Promise.race([
        until(() => books.entries.length > heard, 'upstream', 20_000).catch(() => undefined),
        Promise.all(asks),
      ])
      await sleep(leaveAfterMs)
      leave.abort()
    }
    for (const error of await Promise.all(asks)) codes.add(error?.code)
    await client.gateway.flush()
  }
  expect(books.billed).toBeLessThanOrEqual(cap * 1e9)
  return codes
}

export const chat = (more: Body = {}): Body => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'q' }],
  ...more,
})

export const response = (more: Body = {}): Body => ({ model: 'gpt-4o', input: 'q', ...more })
