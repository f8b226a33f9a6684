import type { CallRecord, GatewayClient, GatewayOptions } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { Way } from '../behaviours/agent.ts'
import { createWorld, type World } from '../behaviours/world.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { type LitellmProxy, startLitellm } from './proxy.ts'

export type House = {
  upstream: FakeOpenAI
  redis: RedisServer
  proxy: LitellmProxy
  world: World
  /** Records of the clients of this test. */
  records: CallRecord[]
  deployed: (
    way: Exclude<Way, 'served'>,
    agent: string,
    team: string,
    gateway?: GatewayOptions,
  ) => GatewayClient
}

/** LiteLLM writes its cache after it has answered. */
const SETTLE_MS = 400
export const settled = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS))

/** A fake OpenAI, a real Redis, a real LiteLLM proxy, for all tests of a file. */
export function house(files: () => Record<string, string>): House {
  const house = {} as House

  beforeAll(async () => {
    const upstream = await startFakeOpenAI({ tokens: 'approximate' })
    const redis = await startRedis()
    const proxy = await startLitellm(files(), { upstream: upstream.baseURL, redis })
    const world = createWorld({
      upstream,
      redisUrl: redis.url,
      litellmUrl: proxy.url,
      settleMs: SETTLE_MS,
    })
    Object.assign(house, { upstream, redis, proxy, world, records: world.records, deployed: world.deployed })
  })
  afterAll(async () => {
    await house.world?.end()
    await house.proxy?.close()
    await house.redis?.close()
    await house.upstream?.close()
  })
  afterEach(() => house.world.leave())
  return house
}
