import type { LangfuseFault, LangfuseVersion } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runs } from '../runs.ts'
import { ask, setup } from '../support.ts'
import { heldOf, optionsFor, stand, VERSIONS } from './kit.ts'

beforeAll(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterAll(() => void vi.restoreAllMocks())

/** Nothing is stored without an answer that says so. */
const HONEST: LangfuseFault[] = [
  { type: 'some-rejected' },
  { type: 'some-rejected', status: 500, count: 2 },
  { type: 'some-rejected', status: 500, eventType: 'score-create', count: 3 },
  { type: 'all-rejected' },
  { type: 'too-large' },
  { type: 'bad-gateway' },
  { type: 'unauthorized' },
  { type: 'rate-limited', retryAfterSeconds: 0 },
  { type: 'server-error' },
  { type: 'hang' },
  { type: 'reset' },
]
/** The server may hold what it never confirmed. */
const DOUBTFUL: LangfuseFault[] = [
  { type: 'reset-after-storing' },
  { type: 'slow', ms: 400 },
  { type: 'busy', msPerEvent: 40 },
]

type Step = { fault: LangfuseFault | undefined; times: number; calls: number; flushes: boolean }

const step = (faults: LangfuseFault[]): fc.Arbitrary<Step> =>
  fc.record({
    fault: fc.option(fc.constantFrom(...faults), { nil: undefined }),
    times: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
    calls: fc.integer({ min: 0, max: 4 }),
    flushes: fc.boolean(),
  })

/** Plays a schedule against a server, and asks the server's own books after each word of flush() and close(). */
async function play(version: LangfuseVersion, steps: Step[], maxReports: number) {
  const server = await stand(version)
  const { client, records } = await setup({
    langfuse: { ...optionsFor(server), timeoutMs: 200 },
    queue: { maxReports },
  })
  const stats = () => client.gateway.stats().sinks?.langfuse
  let asked = 0
  /** Losses that a flush has told of: the next one is about what came since. */
  let told = 0

  async function hold(word: boolean, known = told) {
    const { delivered = 0, rejected = 0, dropped = 0, queued = 0 } = stats() ?? {}
    expect(delivered + rejected + dropped + queued).toBe(records.length)
    const held = heldOf(server, records)
    expect(held).toBeGreaterThanOrEqual(delivered)
    if (word) expect(records.length - held).toBeLessThanOrEqual(known)
    // Without another loss, and with nothing left, there is no reason for another word.
    else expect(rejected + dropped - known + queued).toBeGreaterThan(0)
    told = rejected + dropped
  }

  for (const { fault, times, calls, flushes } of steps) {
    server.clear()
    if (fault !== undefined) server.fault({ ...fault, times })
    for (let call = 0; call < calls; call += 1) {
      asked += 1
      await client.chat.completions.create(ask(`question ${asked}`))
    }
    if (flushes) await hold(await client.gateway.flush(20_000))
  }
  server.clear()
  for (let round = 0; round < 20 && (stats()?.queued ?? 0) > 0; round += 1)
    await hold(await client.gateway.flush(20_000))
  expect(stats()?.queued).toBe(0)
  // The last word is about all there ever were.
  await hold(await client.gateway.close(20_000), 0)
  expect(server.observations.size).toBeLessThanOrEqual(asked)
  expect(server.malformed).toEqual([])
  await server.close()
  return server
}

test.each(VERSIONS)(
  "%s: flush() and close() say true exactly when the server's books hold every call, losses that were told apart",
  async (version) => {
    const steps = fc.array(step([...HONEST, ...DOUBTFUL]), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(3, 1_000), async (given, maxReports) => {
        await play(version, given, maxReports)
      }),
      { numRuns: runs(10) },
    )
  },
)

test.each(VERSIONS)('%s: whatever is confirmed in part, no event is stored twice', async (version) => {
  const steps = fc.array(step(HONEST), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(steps, async (given) => {
      const { stored } = await play(version, given, 1_000)
      expect([...stored].filter(([, times]) => times > 1)).toEqual([])
    }),
    { numRuns: runs(10) },
  )
})
