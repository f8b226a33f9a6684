import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { GatewayOptions, Policy } from '@hotdash/llm-gateway'
import { APIError } from 'openai'
import { afterEach, expect, test } from 'vitest'
import { ask, type Setup, setup, until } from '../support.ts'
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
  const shared = { redis: redis.url, policy: policyOf(team), cache: false as const }
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

const counted = ({ client }: Setup) => client.gateway.stats().sharedQuota
const isUp = (it: Setup) => () => it.client.gateway.stats().redis?.state === 'up'

test('requests per minute hold across gateways, and each answer tells what the team has left', async () => {
  const both = await two(await server(), { rpm: 7, tpm: 100_000 })
  const { response } = await both[0].client.chat.completions.create(ask('first')).withResponse()
  expect(response.headers.get('x-ratelimit-limit-requests')).toBe('7')
  expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('6')
  expect(response.headers.get('x-ratelimit-reset-requests')).toBe('1m1s')
  expect(Number(response.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(100_000)
  expect(await answered(both, 40)).toBe(6)
  expect(both[0].upstream.count()).toBe(7)
  const refusal = await both[1].client.chat.completions.create(ask('late')).catch((error: APIError) => error)
  expect(refusal).toBeInstanceOf(APIError)
  const headers = (refusal as APIError).headers
  expect(headers?.get('x-ratelimit-remaining-requests')).toBe('0')
  expect(Number(headers?.get('retry-after-ms'))).toBeLessThanOrEqual(60_250)
})

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

test('a call costs one command to reserve and one to settle', async () => {
  const redis = await server()
  const it = await gateway(redis, { rpm: 100, tpm: 100_000, usdPerDay: 1 })
  await it.client.chat.completions.create(ask('warm'))
  await it.client.gateway.flush()
  const before = it.client.gateway.stats().redis?.commands ?? 0
  for (let call = 0; call < 10; call += 1) await it.client.chat.completions.create(ask(`${call}`))
  await it.client.gateway.flush()
  expect((it.client.gateway.stats().redis?.commands ?? 0) - before).toBe(20)
})

test('scripts that the server has forgotten are sent again, and nothing is lost', async () => {
  const redis = await server()
  const both = await two(redis, { rpm: 10 })
  expect(await answered(both, 4)).toBe(4)
  await redis.admin.script('FLUSH')
  expect(await answered(both, 20)).toBe(6)
})

test.each([
  ['flushed', async (redis: RedisServer) => void (await redis.admin.flushall())],
  ['restarted empty', (redis: RedisServer) => redis.restart()],
])('Redis %s: processes remember what they had admitted, and the minute holds', async (_, fault) => {
  const redis = await server()
  const both = await two(redis, { rpm: 10 })
  expect(await answered(both, 4)).toBe(4)
  expect(await answered(both, 4)).toBe(4)
  for (const { client } of both) await client.gateway.flush()
  await fault(redis)
  for (const it of both) await until(isUp(it), 'Redis is back', 10_000)
  // Whoever comes first knows of the others what it was told, which may be a call or two ago.
  const more = await answered(both, 30)
  expect(more).toBeGreaterThanOrEqual(1)
  expect(more).toBeLessThanOrEqual(4)
})

/** One address for a server and whoever takes its place, as hosted Redis has it. */
async function address(first: RedisServer) {
  let target = first.port
  const sockets = new Set<Socket>()
  const proxy = createServer((inner) => {
    const outer = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => undefined).on('close', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const close = () => {
    cut()
    proxy.close()
  }
  open.push({ close })
  const pointTo = ({ port }: RedisServer) => {
    target = port
    cut()
  }
  return { url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`, pointTo }
}

test('failed over to a replica that knows no script: the minute holds, and so do dollars', async () => {
  const [primary, replica] = [await server(['--repl-diskless-sync-delay', '0']), await server()]
  await replica.admin.replicaof('127.0.0.1', primary.port)
  await expect
    .poll(() => replica.admin.info('replication'), { timeout: 10_000 })
    .toContain('master_link_status:up')
  const { url, pointTo } = await address(primary)
  const both = await two({ ...primary, url }, { rpm: 10, usdPerDay: 1 })
  for (const it of [...both, ...both]) expect(await answered([it], 1)).toBe(1)
  for (const { client } of both) await client.gateway.flush()
  const spent = await primary.admin.hget('gw:{crew}:quota', 'spent')
  await expect.poll(() => replica.admin.hget('gw:{crew}:quota', 'spent')).toBe(spent)
  await replica.admin.replicaof('NO', 'ONE')
  await primary.kill()
  pointTo(replica)
  // Until a call finds its connection cut, none looks for another: the first are counted by each one's share.
  const more = await answered(both, 30)
  expect(more).toBeGreaterThanOrEqual(6)
  expect(more).toBeLessThanOrEqual(7)
  for (const it of both) await until(() => isUp(it)() && counted(it)?.queued === 0, 'all is told', 10_000)
  for (const { client } of both) await client.gateway.flush()
  const costs = both.reduce((sum, { client }) => sum + client.gateway.stats().costUsd, 0)
  expect(Number(await replica.admin.hget('gw:{crew}:quota', 'spent')) / 1e6).toBeCloseTo(costs, 6)
})

test('Redis away: each counts its share of the limits; back again, it hears of what was admitted meanwhile', async () => {
  const redis = await server()
  const both = await two(redis, { rpm: 20 })
  for (const it of [...both, ...both]) expect(await answered([it], 1)).toBe(1)
  for (const { client } of both) await client.gateway.flush()
  await redis.kill()
  // Each takes half of what it knew to be left of the minute.
  const meanwhile = await answered(both, 60)
  expect(meanwhile).toBeGreaterThanOrEqual(15)
  expect(meanwhile).toBeLessThanOrEqual(17)
  for (const it of both) {
    await it.client.gateway.flush()
    expect(counted(it)?.degraded).toBeGreaterThan(0)
    expect(it.client.gateway.stats()).toMatchObject({ redis: { state: 'down' } })
    expect(it.records.filter(({ degraded }) => degraded === 'down').length).toBeGreaterThan(0)
  }
  await redis.restart()
  for (const it of both) await until(() => isUp(it)() && counted(it)?.queued === 0, 'Redis has heard', 10_000)
  expect(await answered(both, 60)).toBeLessThanOrEqual(20 - 4 - meanwhile + 1)
  for (const it of both) expect(counted(it)?.dropped).toBe(0)
})

test('Redis away: a team whose policy refuses gets 503, and is let in again when it is back', async () => {
  const redis = await server()
  const it = await gateway(redis, { rpm: 20, whenRedisIsAway: 'refuse' })
  expect(await answered([it], 1)).toBe(1)
  await redis.kill()
  const error = await it.client.chat.completions.create(ask('x')).catch((error: APIError) => error)
  expect(error).toMatchObject({ status: 503, code: 'gateway_quota_unavailable' })
  expect(await answered([it], 5, 'gateway_quota_unavailable')).toBe(0)
  expect(counted(it)?.unavailable).toBe(6)
  await redis.restart()
  await until(isUp(it), 'Redis is back', 10_000)
  expect(await answered([it], 5)).toBe(5)
})

test('a reservation that came too late for its caller is given back, and its settlement is heard once', async () => {
  const redis = await server()
  const it = await gateway(redis, { rpm: 10, usdPerDay: 1 }, { deadlines: { redisMs: 100 } })
  expect(await answered([it], 1)).toBe(1)
  await it.client.gateway.flush()
  redis.pause()
  expect(await answered([it], 4)).toBe(4)
  redis.resume()
  await until(() => isUp(it)() && counted(it)?.queued === 0, 'Redis has heard', 10_000)
  expect(await answered([it], 20)).toBe(5)
  const { costUsd } = it.client.gateway.stats()
  await it.client.gateway.flush()
  const [spent, doubt] = await redis.admin.hmget('gw:{crew}:quota', 'spent', 'doubt')
  expect(Number(spent) / 1e6).toBeCloseTo(costUsd, 6)
  expect(Number(doubt ?? 0)).toBe(0)
})

test('Redis full: no answer is stored, and every limit still holds', async () => {
  const redis = await server(['--maxmemory-policy', 'noeviction'])
  await redis.admin.set('ballast', 'x'.repeat(4_000_000))
  await redis.admin.config('SET', 'maxmemory', '1mb')
  const both = await two(redis, { rpm: 5 }, { cache: { exact: {} } })
  expect(await answered(both, 30)).toBe(5)
  for (const it of both) {
    await it.client.gateway.flush()
    expect(counted(it)).toMatchObject({ degraded: 0, errors: 0 })
  }
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
  expect(counted(it)).toMatchObject({ errors: 0, degraded: 0 })
})

test('a limit that is lowered binds all processes with the first that knows of it', async () => {
  const redis = await server()
  const old = await gateway(redis, { rpm: 100 })
  const changed = { ...policyOf({ rpm: 3 }), version: 2 }
  const fresh = await gateway(redis, {}, { policy: changed }, { baseURL: old.upstream.baseURL })
  expect(await answered([old], 2)).toBe(2)
  expect(await answered([fresh], 5)).toBe(1)
  expect(await answered([old], 5)).toBe(0)
})

test("onLimit 'wait' across gateways: nobody is refused, and the minute holds", async () => {
  const both = await two(await server(), { usdPerDay: 0.0013 }, { onLimit: 'wait' })
  // Two worst cases fit at a time: the others wait for what comes back.
  expect(await answered(both, 16)).toBe(16)
  for (const { client } of both) expect(client.gateway.stats()).toMatchObject({ refused: 0, waiting: 0 })
})
