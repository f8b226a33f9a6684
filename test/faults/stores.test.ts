import type { GatewayOptions } from '@hotdash/llm-gateway'
import { openPolicyStore } from '@hotdash/llm-gateway/policy'
import { afterAll, beforeAll, test } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { both, embedded, parsed, passed, streamed, whole } from './calls.ts'
import { inTime, openGateway, type Scenario, tryAll, useFaults } from './kit.ts'
import { checkNoneLost, checkNoneSent, checkRefusals, checkRoom, keys, limited, models } from './outcome.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.close())
useFaults()

/** Patient: no fault of a busy machine is to look like one that was injected. */
const deadlines = { redisMs: 2_000, connectMs: 5_000 }
const shared = (more: GatewayOptions): GatewayOptions => ({ redis: redis.url, deadlines, ...more })
const inRedis = {
  before: () => redis.admin.flushall(),
  about:
    /^(redis|gateway\/redis-services\.ts|quota\/redis|coalesce|policy|cache\/(redis|tiered|receipts)|cache-entry\/(put|epoch|codec)|util\/signature|sinks\/metrics)/,
  always:
    /^(redis\/loop-clock\.ts:\d+ (arm|wait|within)|coalesce\/stage\.ts:\d+ joinFlight|upstream\/trip\.ts:\d+ \w+)$/,
}

const underLimits: Scenario = {
  ...inRedis,
  options: () => shared(limited),
  calls: [whole, whole, streamed, embedded, passed],
  async check(trial, point) {
    checkRefusals(trial, point)
    // Another process, at the same books.
    const { gateway } = openGateway(shared(limited))
    try {
      await checkRoom(gateway)
    } finally {
      await inTime(gateway.close(), 'close')
    }
  },
  sample: 40,
}

test('a fault anywhere over limits in Redis: each hold settled, for every process', async () => {
  await tryAll(underLimits)
}, 3_600_000)

test('a fault anywhere where processes share answers and flights: every call leaves, or is answered', async () => {
  const options = () => shared({ policy: {}, coalesce: { crossProcess: true, waitMs: 1_000 } })
  await tryAll({
    ...inRedis,
    options,
    peer: options,
    calls: [both, whole, whole, streamed, both],
    check: checkNoneLost,
    // Each process asks upstream itself where it cannot hear of the other.
    repeats: 4,
    sample: 30,
  })
}, 3_600_000)

test('a fault anywhere under a live policy lets no call through that it forbids', async () => {
  const forbidding = { models, teams: { t: { agents: ['support'], keys, models: ['gpt-4o'] } } }
  await tryAll({
    ...inRedis,
    async before() {
      await redis.admin.flushall()
      const store = openPolicyStore({ redis: redis.url })
      await store.push(forbidding, { by: 'test' })
      store.close()
    },
    options: () => shared({ policy: forbidding }),
    calls: [whole, streamed, parsed],
    check: checkNoneSent,
    sample: 20,
  })
}, 3_600_000)
