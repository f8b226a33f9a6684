import { afterAll, beforeAll, expect, test } from 'vitest'
import { claim, limits, member } from './quota-kit.ts'
import { type RedisServer, startRedis } from './server.ts'

/** Lua unpacks fewer than 8,000 values at once. */
const PROCESSES = 9_000

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

/** Makes up processes of the team that have fallen silent, each with a lease. */
const FILL = `
local alive, seen = {}, 1
local packed = cmsgpack.pack({ 1, seen, 1, 100, 0, 0 })
for at = 1, tonumber(ARGV[1]) do
  alive[#alive + 1], alive[#alive + 2] = 'silent-' .. at, seen
  redis.call('HSET', KEYS[1], 'lease:silent-' .. at, packed)
end
redis.call('HSET', KEYS[1], 'alive', cmsgpack.pack(alive))
return redis.call('HLEN', KEYS[1])`

test('a team of more processes than Lua unpacks at once is admitted by Redis, and its silent processes leave', async () => {
  const [first, second] = [member(redis.url), member(redis.url)]
  expect((await first.reserve(claim('a', { limits: limits({ rpm: 100 }) }))).admitted).toBe(true)
  const [key = ''] = await redis.admin.keys('gw:{*}:quota')
  expect(await redis.admin.eval(FILL, 1, key, PROCESSES)).toBeGreaterThan(PROCESSES)
  expect((await second.reserve(claim('b', { limits: limits({ rpm: 100 }) }))).admitted).toBe(true)
  expect(second.stats()).toMatchObject({ decided: 1, alone: 0, errors: 0 })
  expect(await redis.admin.hlen(key)).toBeLessThan(100)
  for (const store of [first, second]) store.close()
})
