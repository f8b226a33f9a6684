import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterAll, beforeAll, test } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { embedder } from '../semantic-embedder.ts'
import { asking, embedded, streaming } from './calls.ts'
import { type Scenario, tryAll, useFaults } from './kit.ts'
import { checkNoneLost } from './outcome.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.close())
useFaults()

const semantic = { mode: 'on' as const, threshold: 0.85, judge: { rate: 1, perHour: 36_000 } }
const options: GatewayOptions = {
  policy: { cache: { exact: false, semantic } },
  cache: { semantic: { embedder, secret: 'shared by all processes', deadlineMs: 5_000 } },
}

const scenario: Scenario = {
  options: () => options,
  calls: [
    asking('Do you ship the wooden chairs to Norway?'),
    asking('Do you ship wooden chairs to Norway?'),
    streaming('So, do you ship the wooden chairs to Norway?'),
    asking('Which woods do you use for tables?'),
    embedded,
  ],
  // The judge's calls are the gateway's own.
  counts: ({ text }) => !text.includes('asked_now'),
  check: checkNoneLost,
  about: /^(semantic|gateway\/lazy-semantic\.ts)/,
  sample: 30,
}

test('a fault anywhere in answers by meaning: every call leaves, or is answered', async () => {
  await tryAll(scenario)
}, 3_600_000)

test('the same, where processes share them in Redis', async () => {
  const shared = () => ({
    ...options,
    redis: redis.url,
    deadlines: { redisMs: 2_000, connectMs: 5_000 },
    metrics: false as const,
    livePolicy: false,
  })
  await tryAll({ ...scenario, options: shared, before: () => redis.admin.flushall(), sample: 20 })
}, 3_600_000)
