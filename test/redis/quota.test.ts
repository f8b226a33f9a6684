import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayOptions, Policy } from '@hotdash/llm-gateway'
import { afterEach, expect, test } from 'vitest'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const it of open.splice(0).toReversed()) await it.close()
})

const server = async (args?: string[]): Promise<RedisServer> => {
  const it = await startRedis(args)
  open.push(it)
  return it
}

const policyOf = (team: object): Policy => ({
  version: 1,
  routing: { fallback: false },
  teams: { crew: { agents: ['support', 'sales'], ...team } },
  models: { 'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 1_000 } },
})

async function gateway(
  redis: RedisServer,
  team: object,
  options: GatewayOptions = {},
  client = {},
): Promise<Setup> {
  const shared = { redis: redis.url, policy: policyOf(team), cache: false as const, metrics: false as const }
  const it = await setup(
    { ...shared, deadlines: { redisMs: 1_000 }, ...options },
    { maxRetries: 0, ...client },
  )
  open.push({ close: () => it.client.gateway.close(200) })
  return it
}

/** Two gateways with nothing in common but Redis and the address that they ask. */
async function two(redis: RedisServer, team: object, options: GatewayOptions = {}): Promise<[Setup, Setup]> {
  const one = await gateway(redis, team, options)
  return [one, await gateway(redis, team, options, { baseURL: one.upstream.baseURL })]
}

/** How many of these calls were answered; the rest must have been refused by us, with this code. */
async function answered(setups: Setup[], calls: number, code = 'gateway_rpm_exceeded'): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: calls }, (_, at) =>
      setups[at % setups.length]?.client.chat.completions.create(ask(`${at}`)),
    ),
  )
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  for (const { reason } of refused) expect(reason).toMatchObject({ code })
  return calls - refused.length
}

const counted = ({ client }: Setup) => client.gateway.stats().quota

test("the day's dollars are never passed: worst cases are held, and what was not spent is given back", async () => {
  const worst = 1_000 * 0.6 + 200
  const both = await two(await server(), { usdPerDay: (4 * worst) / 1e6 })
  let spent = 0
  for (let round = 0; round < 6; round += 1) {
    await answered(both, 10, 'gateway_daily_usd_exceeded')
    for (const { client } of both) await client.gateway.flush()
    spent = both.reduce((sum, { client }) => sum + client.gateway.stats().costUsd, 0)
    expect(spent).toBeLessThanOrEqual((4 * worst) / 1e6)
  }
  // More than were held at once: most of each hold came back.
  expect(both[0].upstream.count()).toBeGreaterThan(8)
})

test('calls that the lease covers cost less than a command each', async () => {
  const redis = await server()
  const it = await gateway(redis, { rpm: 100, tpm: 100_000, usdPerDay: 1 })
  await it.client.chat.completions.create(ask('warm'))
  await it.client.gateway.flush()
  // Until it has looked for a live policy, when it can hear of one.
  await sleep(300)
  const before = it.client.gateway.stats().redis?.commands ?? 0
  for (let call = 0; call < 10; call += 1) await it.client.chat.completions.create(ask(`${call}`))
  await it.client.gateway.flush()
  expect((it.client.gateway.stats().redis?.commands ?? 0) - before).toBeLessThan(10)
})

test('a team whose state is garbage starts anew, and none of its calls fails', async () => {
  const redis = await server()
  const it = await gateway(redis, { rpm: 5, tpm: 100_000, usdPerDay: 1 })
  const wreckings: (() => Promise<unknown>)[] = [
    () => redis.admin.set('gw:{crew}:quota', 'garbage'),
    () => redis.admin.lpush('gw:{crew}:means', 'garbage'),
    () =>
      redis.admin.hset('gw:{crew}:quota', { window: 'garbage', held: '\x93\x01', clock: 'NaN', spent: '-5' }),
    () => redis.admin.hset('gw:{crew}:quota', { epoch: '', seq: '1e400', day: '99999999999', alive: '\xc1' }),
  ]
  for (const wreck of wreckings) {
    await redis.admin.flushall()
    await wreck()
    expect(await answered([it], 1)).toBeLessThanOrEqual(1)
  }
  await it.client.gateway.flush()
  expect(counted(it)).toMatchObject({ errors: 0, alone: 0 })
})

test("onLimit 'wait' across gateways: no call is refused, and the limit per minute holds", async () => {
  const both = await two(await server(), { usdPerDay: 0.0013 }, { onLimit: 'wait' })
  // Two worst cases fit at a time: the others wait for what comes back.
  expect(await answered(both, 16)).toBe(16)
  for (const { client } of both) expect(client.gateway.stats()).toMatchObject({ refused: 0, waiting: 0 })
})
