import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Outcome, outcomeOf } from './conformance/outcome.ts'
import { isCached, surfaces } from './conformance/surfaces.ts'
import { allowLogInFile } from './console.ts'
import { DAMAGES, type Damage } from './hostile/damage.ts'
import { type HostileProxy, startHostileProxy } from './hostile/proxy.ts'
import { runs, SEED, sampled, TEST_TIMEOUT_MS } from './runs.ts'
import { ask, until } from './support.ts'

/** The SDK's own words about a chunk that is no JSON. */
allowLogInFile(/^Could not parse message into JSON:/, /^From chunk:/)

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
process.on('unhandledRejection', note)

let upstream: FakeOpenAI
let proxy: HostileProxy
/** Of the answers that come now. */
let damage: Damage | undefined
beforeAll(async () => {
  upstream = await startFakeOpenAI({ tokens: 'approximate' })
  proxy = await startHostileProxy(upstream.baseURL, SEED, () => damage)
})
afterEach(() => expect(unhandled).toEqual([]))
afterAll(async () => {
  process.off('unhandledRejection', note)
  proxy.close()
  await upstream.close()
})

function clientsAt(gateway: GatewayOptions = {}) {
  const baseURL = upstream.baseURL.replace(new URL(upstream.baseURL).origin, proxy.origin)
  const options = { baseURL, apiKey: 'k', maxRetries: 0 }
  const client = createGatewayClient({ ...options, gateway: { policy: {}, redis: false, ...gateway } })
  return { bare: new OpenAI(options), client }
}

/** An error by its class; a value as it is. */
const kindOf = (outcome: Outcome) => ('error' in outcome ? { class: outcome.error.class } : outcome)

/** In CI each surface is broken in one way, and each way is tried on a fifth of them; `FUZZ_RUNS=5` tries all. */
const cases = Array.from({ length: Math.min(DAMAGES.length, runs(1)) }, (_, run) =>
  surfaces.map((surface, at) => ({
    ...surface,
    how: DAMAGES[(at + run + SEED) % DAMAGES.length] as Damage,
  })),
).flat()

test.each(sampled(cases))(
  '$how, $name: told as to the bare client, and never stored',
  async ({ run, how, ...surface }) => {
    const { bare, client } = clientsAt()
    const outcome = async (of: OpenAI) => kindOf(await outcomeOf(async () => (await run(of)).same))
    damage = how
    const broken = await outcome(bare)
    expect(await outcome(client)).toEqual(broken)
    await client.gateway.flush(TEST_TIMEOUT_MS)
    expect(client.gateway.stats()).toMatchObject({ pending: 0, faults: 0 })
    damage = undefined
    // What comes whole now is what the bare client gets, and nothing that came before.
    const whole = await outcome(bare)
    upstream.reset()
    expect(await outcome(client)).toEqual(whole)
    if ('class' in broken && isCached({ run, ...surface })) expect(upstream.count()).toBe(surface.calls)
    await client.gateway.close()
  },
)

/** Room for one worst case, and not for two. */
const models = { 'gpt-4o-mini': { input: 1, output: 1, cachedInput: 1, maxOutput: 1_000 } }
const limits: GatewayOptions = {
  agent: 'support',
  policy: { models, teams: { t: { agents: ['support'], usdPerDay: 0.003 } } },
}

test.each(DAMAGES.filter((how) => how !== 'no UTF-8'))(
  '%s: what the answer may have cost is in doubt, and stays booked',
  async (how) => {
    const { client } = clientsAt(limits)
    damage = how
    await expect(client.chat.completions.create(ask('broken'))).rejects.toThrow()
    damage = undefined
    await until(() => client.gateway.stats().pending === 0, 'the record closes')
    await client.gateway.flush()
    const next = await outcomeOf(() => client.chat.completions.create(ask('next')))
    expect(next).toMatchObject({ error: { fields: { code: 'gateway_daily_usd_exceeded' } } })
    await client.gateway.close()
  },
)

test('what came whole leaves room', async () => {
  const { client } = clientsAt(limits)
  for (const question of ['one', 'two', 'three']) await client.chat.completions.create(ask(question))
  await client.gateway.close()
})
