import { createGatewayClient } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import OpenAI, { type ClientOptions } from 'openai'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { allowLog } from '../console.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { answering, type Entry, json, startUpstream } from './upstream.ts'

// What upstream did not simply answer is dealt with as `fetch` deals with it: the same requests reach the same servers,
// none of them twice.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => vi.restoreAllMocks())

const STATUSES = [301, 302, 303, 307, 308, 407, 421]
const place = fc.constantFrom(
  '/v2/chat',
  'other',
  '/v1/chat/completions',
  '//[bad',
  undefined,
  'mailto:a@b.test',
)
const scene = fc.record({
  status: fc.constantFrom(...STATUSES),
  place,
  /** How often it is answered so before it is answered as usual. */
  times: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
  body: fc.constantFrom('json', 'empty', 'long'),
  stream: fc.boolean(),
  transport: fc.constantFrom('first', 'later', 'own'),
  maxRetries: fc.constantFrom(0, 1),
})

test('redirects, 407 and 421 do to the books of upstream what the bare client does to them', async () => {
  // Node's own, of twenty redirects in a row whose bodies it has not yet let go of: on a busy machine.
  allowLog(/MaxListenersExceededWarning: .* \[Fetch\]/, /node --trace-warnings/)
  const other = await startUpstream()
  await fc.assert(
    fc.asyncProperty(scene, async ({ status, place, times, body, stream, transport, maxRetries }) => {
      const run = async (of: (options: ClientOptions) => OpenAI) => {
        // One for each: once it has redirected, all is left to `fetch`, and a 421 leaves a request of `fetch` behind.
        const upstream = await startUpstream()
        const client = of({
          ...{ baseURL: upstream.baseURL, apiKey: 'test', maxRetries },
          ...(transport === 'own' && { fetch: ((...args) => fetch(...args)) as typeof fetch }),
        })
        if (transport === 'later')
          await client.embeddings.create({ model: 'text-embedding-3-large', input: 'a' })
        for (const each of [upstream, other]) each.take()
        let left = times
        const location = place === 'other' ? `${other.origin}/elsewhere` : place
        const headers = { ...(location && { location }), 'retry-after-ms': '1' }
        upstream.serve((request, response, entry) => {
          const isAnswered = entry.url !== '/v1/chat/completions' || left <= 0
          if (isAnswered) return answering(request, response, entry)
          left -= 1
          if (body === 'json') return json(response, status, { error: { message: 'odd' } }, headers)
          response.writeHead(status, headers)
          return response.end(body === 'long' ? 'x'.repeat(200_000) : undefined)
        })
        const outcome = await outcomeOf(async () => {
          const answer = await client.chat.completions.create({ ...ask('a'), stream })
          const parts: unknown[] = []
          if (Symbol.asyncIterator in answer) for await (const part of answer) parts.push(part)
          else parts.push(answer)
          return parts
        })
        const seen = ({ method, url, headers: { host: _, ...headers }, body }: Entry) => {
          return { method, url, headers, body }
        }
        const books = [upstream, other].map((each) => each.take().map(seen))
        upstream.close()
        return { outcome, books }
      }
      const theirs = await run((options) => new OpenAI(options))
      const gateway = { agent: 'support', redis: false, quota: false } as const
      expect(await run((options) => createGatewayClient({ ...options, gateway }))).toEqual(theirs)
    }),
    { numRuns: runs(60) },
  )
})
