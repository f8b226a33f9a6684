import type { GatewayOptions } from '@hotdash/llm-gateway'
import type { Report, Sink } from '@hotdash/llm-gateway/sinks'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { runs, SEED } from '../runs.ts'
import { ask, setup } from '../support.ts'
import { acting, foreign, type Misbehaviour, misbehaviour } from './misbehaving.ts'

/** What misbehaves is logged, by whichever part it harms. */
allowLogInFile(/^\[llm-gateway\] GW_(SINK|SEMANTIC)_/)

const unhandled: unknown[] = []
const note = (why: unknown) => void unhandled.push(why)
const warn = console.warn
beforeEach(() => void process.on('unhandledRejection', note))
afterEach(() => {
  process.off('unhandledRejection', note)
  console.warn = warn
})

const HOOKS = ['mask', 'onCall', 'waitUntil', 'warn', 'embed', 'deliver', 'spill', 'close'] as const
type Plan = { [Hook in (typeof HOOKS)[number]]?: Misbehaviour }

/** One misbehaves, or each by itself, or several at once. */
const plans: fc.Arbitrary<Plan> = fc.oneof(
  fc.tuple(fc.constantFrom(...HOOKS), misbehaviour).map(([hook, how]): Plan => ({ [hook]: how })),
  fc.record(Object.fromEntries(HOOKS.map((hook) => [hook, misbehaviour])), { requiredKeys: [] }),
)

const SECRET = 'the number of my house is 4711'

function optionsOf(plan: Plan, got: string[]): GatewayOptions {
  const sink: Sink = {
    name: 'own',
    deadlineMs: 50,
    lingerMs: 0,
    deliver: acting(plan.deliver, async (reports: readonly Report[]) => {
      got.push(JSON.stringify(reports))
      return undefined
    }),
    ...(plan.spill && { spill: acting(plan.spill, () => ({ waiting: 0 })) }),
    ...(plan.close && { close: acting(plan.close, () => undefined) }),
  }
  const embedder = {
    id: 'own',
    dimensions: 4,
    embed: acting(plan.embed, async () => [Float32Array.of(1, 0, 0, 0)]),
  }
  return {
    redis: false,
    capture: 'on',
    sinks: [sink],
    ...(plan.mask && { mask: acting(plan.mask, (text: string) => text) }),
    ...(plan.onCall && { onCall: acting(plan.onCall, () => undefined) }),
    ...(plan.waitUntil && { waitUntil: acting(plan.waitUntil, () => undefined) }),
    cache: { semantic: { mode: 'on', embedder, deadlineMs: 50 } },
  }
}

test('whatever a function of the program does in place of its work, calls are answered and counted once, and nothing is left unhandled', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      unhandled.length = 0
      const got: string[] = []
      const { client, bare } = await setup(optionsOf(plan, got))
      if (plan.warn) console.warn = acting(plan.warn, () => undefined)
      const expected = await bare.chat.completions.create(ask(SECRET))
      for (let call = 0; call < 2; call += 1) {
        const answer = await client.chat.completions.create(ask(SECRET))
        expect(answer.choices[0]?.message).toEqual(expected.choices[0]?.message)
      }
      await client.gateway.flush(100)
      counts(client.gateway.stats().sinks, 2)
      const closed = await client.gateway.close(100)
      const { sinks, pending, faults } = client.gateway.stats()
      console.warn = warn
      const { own } = counts(sinks, 2)
      expect(own).toMatchObject({ state: 'closed', queued: 0 })
      expect({ pending, faults }).toEqual({ pending: 0, faults: 0 })
      if (closed) expect(own?.dropped).toBe(0)
      if (plan.deliver?.type === 'hangs') expect(own?.delivered).toBe(0)
      if (plan.mask !== undefined && !isText(plan.mask)) expect(got.join()).not.toContain('4711')
      await new Promise((resolve) => setTimeout(resolve, 10))
      expect(unhandled).toEqual([])
    }),
    { numRuns: runs(40), seed: SEED },
  )
})

const isText = (how: Misbehaviour) => how.type === 'answers' && typeof how.value() === 'string'

/** Each figure is a count, and together they are all the reports there were. */
function counts(sinks: Record<string, object> | undefined, calls: number) {
  const all = sinks as Record<string, Record<string, number>>
  const { delivered, spilled, rejected, dropped, queued } = all.own ?? {}
  const figures = [delivered, spilled, rejected, dropped, queued]
  for (const figure of figures) expect(Number.isSafeInteger(figure) && (figure ?? -1) >= 0).toBe(true)
  expect(figures.reduce<number>((sum, figure) => sum + (figure ?? 0), 0)).toBe(calls)
  return all
}

test('what a sink answers is counted as far as it makes sense, and else as nothing delivered, said once', async () => {
  const told: [answer: unknown, counted: object][] = [
    [{ reason: { toString: 1 } }, { delivered: 3 }],
    [{ rejected: 1e9 }, { delivered: 0, rejected: 3 }],
    [{ rejected: -5 }, { delivered: 0, rejected: 3 }],
    [{ rejected: Number.NaN }, { delivered: 0, rejected: 3 }],
    [{ rejected: '3' }, { delivered: 0, rejected: 3 }],
    [{ spilled: {} }, { delivered: 0, rejected: 3 }],
    [
      { rejected: 1, spilled: 2 },
      { delivered: 0, rejected: 1, spilled: 2 },
    ],
    [undefined, { delivered: 3 }],
  ]
  for (const [answer, counted] of told) {
    const said: string[] = []
    console.warn = (line: string) => void said.push(line)
    const sink = { name: 'own', deliver: async () => answer as undefined }
    const { client } = await setup({ sinks: [sink], redis: false })
    for (const each of ['a', 'b', 'c']) await client.chat.completions.create(ask(each))
    for (let tries = 0; tries < 12; tries += 1) await client.gateway.flush()
    await client.gateway.close()
    console.warn = warn
    expect(client.gateway.stats().sinks?.own).toMatchObject({ queued: 0, dropped: 0, ...counted })
    expect(said.filter((line) => line.includes('could not be written down')).length).toBeLessThanOrEqual(1)
  }
})

test('an embedder that claims a vector of any length stops nothing', async () => {
  const { client, records } = await setup({
    redis: false,
    cache: {
      semantic: {
        mode: 'on',
        embedder: { id: 'e', dimensions: 3, embed: async () => [{ length: 1e9 } as Float32Array] },
      },
    },
  })
  await client.chat.completions.create(ask('x'))
  await client.gateway.flush()
  expect(records).toHaveLength(1)
})

test('any value can be waited for as the answer of a hook', async () => {
  await fc.assert(
    fc.asyncProperty(foreign, async (value) => {
      unhandled.length = 0
      const { client } = await setup({ redis: false, onCall: () => value() as undefined })
      await client.chat.completions.create(ask('x'))
      await client.gateway.flush()
      expect(client.gateway.stats()).toMatchObject({ faults: 0, pending: 0 })
      expect(unhandled).toEqual([])
    }),
    { numRuns: runs(20), seed: SEED },
  )
})
