import { createGatewayClient, type GatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { startCollector } from './collector.ts'
import { runs } from './runs.ts'
import { ask } from './support.ts'

afterEach(() => void vi.restoreAllMocks())

const HOUR = 3_600_000
const KINDS = ['whole', 'stream', 'hit', 'retried', 'refused', 'embedding', 'passed', 'failed'] as const
type Kind = (typeof KINDS)[number]
type Step = { kind: Kind; before: number; during: number }

const jump = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -3, max: 3 }).map((days) => days * 24 * HOUR),
  fc.integer({ min: -5 * HOUR, max: 5 * HOUR }),
  fc.integer({ min: -900, max: 900 }),
)
const step: fc.Arbitrary<Step> = fc.record({ kind: fc.constantFrom(...KINDS), before: jump, during: jump })

async function make(client: GatewayClient, kind: Kind, content: string): Promise<unknown> {
  if (kind === 'embedding')
    return await client.embeddings.create({ model: 'text-embedding-3-small', input: content })
  if (kind === 'passed') return await client.models.list()
  if (kind !== 'stream') return await client.chat.completions.create(ask(content))
  for await (const _ of await client.chat.completions.create({ ...ask(content), stream: true }));
  return undefined
}

test.each(['embedded', 'direct'] as const)(
  'the wall clock may step before and in the middle of any call (%s): it began when the wall said, and took what it took',
  async (mode) => {
    let offset = 0
    const real = Date.now
    vi.spyOn(Date, 'now').mockImplementation(() => real() + offset)
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        offset = 0
        let during = 0
        const upstream = await startFakeOpenAI({
          tokens: 'approximate',
          answer() {
            offset += during
            return 'An answer.'
          },
        })
        const collector = await startCollector()
        try {
          const { baseURL } = upstream
          const records: { at: number; latencyMs: number; id: string }[] = []
          const client = createGatewayClient({
            baseURL,
            apiKey: 'test-key',
            gateway: {
              mode,
              policy: {},
              otel: { url: collector.url },
              cache: { semantic: false },
              onCall: ({ startedAt: at, latencyMs, id }) => void records.push({ at, latencyMs, id }),
            },
          })
          const seen: { from: number; tookMs: number }[] = []
          for (const [number, one] of steps.entries()) {
            offset += one.before
            during = one.during
            const retry = { type: 'status', status: 500, headers: { 'retry-after-ms': '1' } } as const
            const content = one.kind === 'hit' ? 'again' : `question <${number}>`
            const when = ({ text }: { text: string }) => text.includes(content)
            if (one.kind === 'retried') upstream.fail(retry, { when })
            if (one.kind === 'refused') upstream.fail({ type: 'status', status: 400 }, { when })
            if (one.kind === 'failed') upstream.fail({ type: 'cut', afterChunks: 1 }, { when })
            const [from, began] = [Date.now(), performance.now()]
            const asking = make(client, one.kind, content)
            await asking.catch(() => undefined)
            during = 0
            await client.gateway.flush()
            seen.push({ from, tookMs: performance.now() - began })
          }
          expect(records).toHaveLength(steps.length)
          for (const [number, { at, latencyMs, id }] of records.entries()) {
            const { from, tookMs } = seen[number] ?? { from: Number.NaN, tookMs: Number.NaN }
            expect(Number.isSafeInteger(at)).toBe(true)
            // Between the call and its mark lie a few turns of the loop, and no step of the clock.
            expect(at - from).toBeGreaterThanOrEqual(0)
            expect(at - from).toBeLessThanOrEqual(tookMs + 1)
            expect(latencyMs).toBeGreaterThanOrEqual(0)
            expect(latencyMs).toBeLessThanOrEqual(tookMs)
            const span = collector.received
              .flatMap(({ spans }) => spans)
              .find(({ attributes }) => attributes['llm_gateway.call_id'] === id)
            const [start, end] = [
              BigInt(String(span?.startTimeUnixNano)),
              BigInt(String(span?.endTimeUnixNano)),
            ]
            expect(start).toBe(BigInt(at) * 1_000_000n)
            expect(Number(end - start) / 1e6).toBeCloseTo(latencyMs, 2)
          }
          await client.gateway.close()
        } finally {
          collector.close()
          await upstream.close()
        }
      }),
      { numRuns: runs(12) },
    )
  },
)
