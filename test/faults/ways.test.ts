import type { CallRecord } from '@hotdash/llm-gateway'
import type { Report, Sink } from '@hotdash/llm-gateway/sinks'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, beforeAll, test } from 'vitest'
import { type Call, embedded, KEY, parsed, passed, streamed, whole } from './calls.ts'
import { type Trial, tryAll, upstream, useFaults } from './kit.ts'
import { checkRefusals, checkRoom, limited } from './outcome.ts'

useFaults()

const AT_PROXY = 'sk-team-at-the-proxy'
let broken: FakeOpenAI
beforeAll(async () => {
  broken = await startFakeOpenAI({ tokens: 'approximate' })
  broken.fail({ type: 'status', status: 503 }, { times: Number.POSITIVE_INFINITY })
})
afterAll(() => broken?.close())

const calls = [whole, whole, streamed, embedded, parsed, passed]

test('a fault anywhere in mode litellm: the proxy is shown its own key, and no other', async () => {
  await tryAll({
    options: () => ({
      mode: 'litellm',
      policy: {},
      litellm: { baseURL: upstream.baseURL, apiKey: AT_PROXY },
    }),
    calls,
    // Whole answers are cached by the proxy, if anywhere: each call is a request.
    repeats: 2,
    // The team key of a call is its key at the proxy.
    secrets: ['sk-own'],
    // What was not looked at may not go around the proxy either.
    check: checkRefusals,
    about: /^litellm/,
    sample: 30,
  })
}, 3_600_000)

test('a fault anywhere on the way around a broken upstream: every call leaves, one way or the other', async () => {
  /** As a client whose upstream is broken; the trial's own stands in the place of the proxy. */
  const elsewhere =
    (call: Call): Call =>
    (client, peer) =>
      call(client.withOptions({ baseURL: broken.baseURL, maxRetries: 3 }), peer)
  await tryAll({
    options: () => ({
      policy: {},
      litellm: { baseURL: upstream.baseURL, apiKey: AT_PROXY, afterFailures: 1, lookAgainMs: 600_000 },
    }),
    calls: [whole, whole, streamed, embedded].map(elsewhere),
    repeats: 4,
    secrets: [KEY, 'sk-own'],
    check: ({ outcomes }) => {
      for (const { status, sent } of outcomes)
        if (status === 503 && sent > 0) throw new Error('sent, and told that it was not')
    },
    about: /^litellm|pass-through|upstream/,
    sample: 20,
  })
}, 3_600_000)

/** Hooks that do the worst that they may. */
const hooks = (seen: { records: CallRecord[]; reports: Report[] }) => ({
  onCall: async (record: CallRecord) => {
    seen.records.push(record)
    await Promise.reject(new Error('a hook rejects'))
  },
  mask: (text: string) => {
    if (text.includes('streamed')) throw new Error('a mask throws')
    return text
  },
  waitUntil: (work: Promise<unknown>) => {
    work.catch(() => undefined)
    throw new Error('a platform throws')
  },
  sinks: [
    {
      name: 'own',
      lingerMs: 1,
      batch: 2,
      async deliver(reports) {
        seen.reports.push(...reports)
        return undefined
      },
    },
    {
      name: 'worse',
      lingerMs: 1,
      deliver: () => {
        throw new Error('a sink throws')
      },
    },
  ] satisfies Sink[],
})

test('a fault anywhere beside hooks, a mask and sinks of the program: each record comes once, or is counted as lost', async () => {
  let seen: { records: CallRecord[]; reports: Report[] } = { records: [], reports: [] }
  await tryAll({
    options: () => {
      seen = { records: [], reports: [] }
      return { ...limited, ...hooks(seen), capture: 'on' }
    },
    calls: [whole, whole, streamed, embedded, passed],
    async check(trial: Trial, point: string) {
      checkRefusals(trial, point)
      const ids = seen.reports.map(({ record }) => record.id)
      if (new Set(ids).size < ids.length) throw new Error('a record came twice')
      const own = trial.gateway.stats().sinks?.own
      const missing = seen.records.filter(({ id }) => !ids.includes(id)).length
      const lost = (own?.dropped ?? 0) + (own?.rejected ?? 0)
      if (missing > lost) throw new Error(`${missing} records are missing, ${lost} are counted`)
      await checkRoom(trial.gateway)
    },
    // One of the sinks never takes anything.
    isFlushed: false,
    about: /^(sinks|util\/(redact|deferred)|account|gateway\/(build|hooks|observer|lifecycle|sinks)\.ts)/,
    sample: 40,
  })
}, 3_600_000)
