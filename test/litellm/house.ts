import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
} from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, afterEach, beforeAll, vi } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import type { Mode } from './behaviours.ts'
import { type LitellmProxy, startLitellm } from './proxy.ts'
import { keyOf, policy } from './support.ts'

export type House = {
  upstream: FakeOpenAI
  redis: RedisServer
  proxy: LitellmProxy
  /** Records of the clients of this test. */
  records: CallRecord[]
  deployed: (mode: Mode, agent: string, team: string, gateway?: GatewayOptions) => GatewayClient
}

/** A fake OpenAI, a real Redis, a real LiteLLM proxy, for all tests of a file. */
export function house(files: () => Record<string, string>): House {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-modes-'))
  const clients: GatewayClient[] = []
  const house = { records: [] as CallRecord[], deployed } as unknown as House

  beforeAll(async () => {
    writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
    house.upstream = await startFakeOpenAI({ tokens: 'approximate' })
    house.redis = await startRedis()
    const { upstream, redis } = house
    house.proxy = await startLitellm(files(), { upstream: upstream.baseURL, redis })
  })
  afterAll(async () => {
    await house.proxy?.close()
    await house.redis?.close()
    await house.upstream?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await Promise.all(clients.splice(0).map((client) => client.gateway.close()))
    house.upstream.reset()
    house.records.length = 0
  })

  /** As an agent is deployed: everything from the environment, and one variable for the mode. */
  function deployed(mode: Mode, agent: string, team: string, gateway: GatewayOptions = {}): GatewayClient {
    const env = {
      LLM_GATEWAY_MODE: mode,
      LLM_GATEWAY_AGENT: agent,
      LLM_GATEWAY_KEY: keyOf(team),
      LLM_GATEWAY_POLICY: join(folder, 'policy.json'),
      LLM_GATEWAY_REDIS_URL: house.redis.url,
      OPENAI_API_KEY: 'upstream-key',
      OPENAI_BASE_URL: house.upstream.baseURL,
      LITELLM_BASE_URL: house.proxy.url,
    }
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const onCall = (record: CallRecord) => void house.records.push(record)
    const client = createGatewayClient({ gateway: { onCall, ...gateway } })
    clients.push(client)
    return client
  }
  return house
}
