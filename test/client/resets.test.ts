import { setImmediate } from 'node:timers/promises'
import { type CallRecord, createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { answering, completion, json, startUpstream } from './upstream.ts'

// A connection that was closed while it was idle: the request on it was never seen. It is tried again on the same model
// before a dearer one is asked, and nothing of it stays in the books.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => vi.restoreAllMocks())

/** One output token costs a millionth of a dollar; the worst case of a call is a hundred. */
const policy: Policy = {
  routing: { default: 'gpt-4o-mini', fallback: 'gpt-4o', escalate: false },
  models: Object.fromEntries(
    ['gpt-4o-mini', 'gpt-4o'].map((name) => [name, { input: 0, cachedInput: 0, output: 1, maxOutput: 100 }]),
  ),
  defaultServiceTier: 'default',
  teams: { t: { agents: ['a'], usdPerDay: 150e-6 } },
}
const question = (content: string) => ({ ...ask(content), max_tokens: 100 })

/** Node's `fetch`; or one of the program's own, which makes its request at once or when it has done something else. */
const transports = {
  node: undefined,
  own: (...args: Parameters<typeof fetch>) => fetch(...args),
  late: async (...args: Parameters<typeof fetch>) => {
    await setImmediate()
    return await fetch(...args)
  },
} satisfies Record<string, typeof fetch | undefined>
type Transport = keyof typeof transports

function clientOf(baseURL: string, transport: Transport) {
  const own = transports[transport]
  const records: CallRecord[] = []
  const client = createGatewayClient({
    ...{ baseURL, apiKey: 'test', maxRetries: 0 },
    ...(own && { fetch: own }),
    gateway: { agent: 'a', policy, redis: false, cache: false, onCall: (it) => void records.push(it) },
  })
  return { client, records }
}

const models = (entries: { body: string }[]) => entries.map(({ body }) => JSON.parse(body).model as string)

const schedule = fc.record({
  transport: fc.constantFrom<Transport>('node', 'own', 'late'),
  /** Of each call, how often a reused connection is reset before it is answered. */
  resets: fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 6 }),
  connections: fc.integer({ min: 1, max: 4 }),
  politely: fc.boolean(),
})

test('a reset of a reused connection is tried again on the same model, and holds no money', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ transport, resets, connections, politely }) => {
      const upstream = await startUpstream()
      // Opens the connections, and shows `fetch` the origin.
      await Promise.all(
        Array.from({ length: connections }, () =>
          fetch(upstream.baseURL, { method: 'POST', body: '{}' }).then((it) => it.text()),
        ),
      )
      const { client, records } = clientOf(upstream.baseURL, transport)
      await client.chat.completions.create(question('first'))
      let left = 0
      upstream.serve((request, response, entry) => {
        if (entry.place === 1 || left === 0) return answering(request, response, entry)
        left -= 1
        return politely ? request.socket.destroy() : request.socket.resetAndDestroy()
      })
      for (const [place, times] of resets.entries()) {
        upstream.take()
        left = times
        const { choices } = await client.chat.completions.create(question(`call ${place}`))
        expect(choices[0]?.message.content).toBe('hello')
        const asked = models(upstream.take())
        expect(new Set(asked)).toEqual(new Set(['gpt-4o-mini']))
        expect(asked.length).toBe(1 + times - left)
      }
      await client.gateway.flush()
      expect(records.every(({ route, status }) => route === 'default' && status === 'ok')).toBe(true)
      await client.gateway.close()
      upstream.close()
    }),
    { numRuns: runs(25) },
  )
})

test.each(['a reset of a new connection', 'a reset after the head', 'half a head'])(
  '%s may have been answered and billed: the other model is asked, and the worst case stays booked',
  async (kind) => {
    const upstream = await startUpstream()
    const { client } = clientOf(upstream.baseURL, 'node')
    if (kind !== 'a reset of a new connection') await client.chat.completions.create(question('first'))
    let failed = false
    upstream.take()
    upstream.serve((request, response) => {
      if (failed) return json(response, 200, completion('other'))
      failed = true
      if (kind === 'half a head') request.socket.write('HTTP/1.1 200 OK\r\ncontent-le')
      if (kind === 'a reset after the head') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
        response.write('{')
      }
      return setTimeout(() => request.socket.destroy(), 20)
    })
    await client.chat.completions.create(question('b')).catch(() => undefined)
    expect(models(upstream.take())).not.toEqual(['gpt-4o-mini', 'gpt-4o-mini'])
    await expect(client.chat.completions.create(question('c'))).rejects.toMatchObject({
      code: 'gateway_daily_usd_exceeded',
    })
    await client.gateway.close()
  },
)
