import type { Gateway, Policy } from '@hotdash/llm-gateway'
import { afterEach, expect, test } from 'vitest'
import type { LogEntry } from './log.ts'
import { startServer } from './server.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Starts a server whose gateway fails with `error` once the request was read. */
async function startFailing(error: unknown) {
  const entries: LogEntry[] = []
  // Of a caller without a key it is read for the agents, once the request is there.
  const policy = (): Policy => {
    throw error
  }
  const gateway = { policy, stats: () => ({}) } as unknown as Gateway
  const options = {
    host: '127.0.0.1',
    port: 0,
    upstream: 'http://127.0.0.1:9/v1',
    account: { key: undefined },
    allowAnonymous: true,
    maxBodyBytes: 1_000_000,
    maxRequests: 10,
    receiveTimeoutMs: 10_000,
    graceMs: 100,
    shutdownDelayMs: 0,
  } as Parameters<typeof startServer>[1]
  const log = { write: (entry: LogEntry) => void entries.push(entry), dropped: () => 0 }
  const server = await startServer(gateway, options, log, () => undefined)
  closing.push(() => server.stop())
  return { entries, url: `http://127.0.0.1:${server.port}/v1/chat/completions` }
}

test.each([new Error('broken'), undefined, null])(
  'a fault after the request was read is answered: %s',
  async (error) => {
    const { url, entries } = await startFailing(error)
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal: AbortSignal.timeout(10_000),
    })
    expect([response.status, await response.json()]).toMatchObject([
      500,
      { error: { code: 'gateway_fault' } },
    ])
    expect(entries).toMatchObject([{ status: 500, outcome: 'refused' }])
  },
)
