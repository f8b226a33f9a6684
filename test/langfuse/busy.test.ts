import { withGateway } from '@hotdash/llm-gateway'
import type { LangfuseVersion } from '@hotdash/llm-gateway-testing'
import { expect, test, vi } from 'vitest'
import { allowLog } from '../console.ts'
import { runs } from '../runs.ts'
import { ask, setup, until } from '../support.ts'
import { heldOf, optionsFor, stand, traced, VERSIONS } from './kit.ts'

/** What a real 2.95.12 needs for an event on a quarter of a core. */
const QUARTER = 56
const CALLS = runs(30)

async function busy(version: LangfuseVersion, msPerEvent: number, calls: number, options: object = {}) {
  const langfuse = await stand(version)
  langfuse.fault({ type: 'busy', msPerEvent })
  const { client, records } = await setup({ quota: false, langfuse: { ...optionsFor(langfuse), ...options } })
  for (let call = 0; call < calls; call += 1) await client.chat.completions.create(ask(`question ${call}`))
  return { langfuse, client, records, stats: () => client.gateway.stats().sinks?.langfuse }
}

test.each(VERSIONS)(
  '%s at a quarter of a core: every call arrives, nothing is stored twice, and nothing is cut off',
  async (version) => {
    const { langfuse, client, records, stats } = await busy(version, QUARTER, CALLS)
    expect(await client.gateway.close(10_000 * CALLS)).toBe(true)
    expect(stats()).toMatchObject({ delivered: CALLS, rejected: 0, dropped: 0, queued: 0, failures: 0 })
    expect(heldOf(langfuse, records)).toBe(CALLS)
    expect([...langfuse.stored.values()].filter((times) => times > 1)).toEqual([])
    expect(langfuse.malformed).toEqual([])
  },
)

test('a deadline that is too short for one call grows until calls arrive', async () => {
  allowLog('GW_SINK_BACK', 'GW_SINK_DOWN')
  const { langfuse, client, records, stats } = await busy('2.95.12', 40, 5, { timeoutMs: 50 })
  await until(() => stats()?.queued === 0, 'everything is delivered')
  expect(stats()).toMatchObject({ delivered: 5, rejected: 0, dropped: 0, state: 'up' })
  expect(heldOf(langfuse, records)).toBe(5)
  expect(await client.gateway.flush()).toBe(true)
})

test('a server that is throttled while it is delivered to gets fewer calls at once, and all of them', async () => {
  const { langfuse, client, records, stats } = await busy('2.95.12', 1, 20, { timeoutMs: 500 })
  expect(await client.gateway.flush(60_000)).toBe(true)
  langfuse.fault({ type: 'busy', msPerEvent: 60 })
  for (let call = 0; call < 20; call += 1) await client.chat.completions.create(ask(`another ${call}`))
  await until(() => stats()?.queued === 0, 'everything is delivered')
  expect(stats()).toMatchObject({ delivered: 40, rejected: 0, dropped: 0, state: 'up' })
  expect(heldOf(langfuse, records)).toBe(40)
  expect(langfuse.observations.size).toBe(40)
})

test('closed before a busy server has taken everything: the word, the counts and the log say so', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const { langfuse, client, records, stats } = await busy('2.95.12', QUARTER, 40)
  expect(await client.gateway.close(1_500)).toBe(false)
  const { delivered = 0, dropped = 0, unconfirmed = 0, queued } = stats() ?? {}
  expect({ all: delivered + dropped, queued }).toEqual({ all: 40, queued: 0 })
  expect(dropped).toBeGreaterThan(unconfirmed)
  const last = said.mock.calls.map(String).filter((line) => line.includes('will be missing'))
  expect(last.at(-1)).toMatch(
    new RegExp(`langfuse: ${dropped} calls will be missing, or ${dropped - unconfirmed} if`),
  )
  said.mockRestore()
  // The server goes on with what it was sent, and holds that in the end, and no more.
  await until(() => heldOf(langfuse, records) === delivered + unconfirmed, 'it has ended what it was sent')
  expect(await client.gateway.flush()).toBe(false)
})

test('2.95.12: requests of one trace lose no tag, whichever client of the process they come from', async () => {
  const langfuse = await stand('2.95.12')
  langfuse.fault({ type: 'busy', msPerEvent: 5 })
  const clients = await Promise.all(
    [1, 2, 3].map(async () => (await setup({ langfuse: optionsFor(langfuse) })).client),
  )
  await withGateway({ trace: 'shared-trace' }, async () => {
    for (let round = 0; round < 3; round += 1)
      await Promise.all(
        clients.map((client, at) =>
          withGateway({ tags: [`tag-${at}-${round}`] }, () =>
            client.chat.completions.create(ask(`${at} ${round}`)),
          ),
        ),
      )
  })
  await Promise.all(clients.map((client) => client.gateway.flush(60_000)))
  const tags = [0, 1, 2].flatMap((at) => [0, 1, 2].map((round) => `tag-${at}-${round}`))
  expect(langfuse.traces.get('shared-trace')?.tags).toEqual(['cache:miss', ...tags])
})

test('2.95.12: a trace opens on the first question and the last answer', async () => {
  const { langfuse, client } = await traced('2.95.12')
  await withGateway({ trace: 'talk' }, async () => {
    await client.chat.completions.create(ask('first question'))
    await client.chat.completions.create(ask('second question'))
  })
  await client.chat.completions.create(ask('alone'))
  await client.gateway.flush()
  const observations = [...langfuse.observations.values()]
  const of = (word: string) => observations.find(({ input }) => JSON.stringify(input).includes(word))
  expect(langfuse.traces.get('talk')).toMatchObject({
    input: [{ role: 'user', content: 'first question' }],
    output: of('second')?.output,
  })
  expect(langfuse.traces.get(of('alone')?.traceId ?? '')).toMatchObject({
    input: [{ role: 'user', content: 'alone' }],
    output: of('alone')?.output,
  })
})
