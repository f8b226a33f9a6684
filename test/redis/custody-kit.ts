import { createHash } from 'node:crypto'
import { type CallRecord, createGatewayClient, type GatewayOptions, type Policy } from '@hotdash/llm-gateway'
import { newTeamKey, openVault } from '@hotdash/llm-gateway/custody'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import type OpenAI from 'openai'
import { onTestFinished, vi } from 'vitest'
import { closeLater } from '../closing.ts'
import { startRedis } from './server.ts'

export const REAL = 'upstream-key-number-one'
export const NEXT = 'upstream-key-number-two'
export const MASTER = newTeamKey()

/** Leaves the environment without a key until the running test ends. */
export function hideOwnKey() {
  vi.stubEnv('OPENAI_API_KEY', '')
  onTestFinished(() => void vi.unstubAllEnvs())
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export async function house() {
  const redis = await startRedis()
  closeLater(() => redis.close())
  const upstream = await startFakeOpenAI({ tokens: 'approximate', apiKeys: [REAL] })
  closeLater(() => upstream.close())
  const keys = { a: newTeamKey(), b: newTeamKey() }
  const policy: Policy = {
    models: { 'gpt-4o-mini': { input: 0.15, output: 0.6 } },
    teams: {
      a: { agents: ['support'], keys: [sha256(keys.a)], requireKey: true },
      b: { agents: ['seo'], keys: [sha256(keys.b)], requireKey: true },
    },
  }
  const vault = openVault({ redis: redis.url, masterKey: MASTER })
  closeLater(() => vault.close())
  const records: CallRecord[] = []
  const gateway = (some: GatewayOptions = {}): GatewayOptions => ({
    agent: 'support',
    key: keys.a,
    policy,
    redis: redis.url,
    deadlines: { redisMs: 1_000, connectMs: 2_000 },
    onCall: (record) => void records.push(record),
    ...some,
  })
  const agent = (some: GatewayOptions = {}) => {
    const client = createGatewayClient({ baseURL: upstream.baseURL, maxRetries: 0, gateway: gateway(some) })
    closeLater(() => client.gateway.close())
    return client
  }
  const shown = () => upstream.requests.map(({ headers }) => headers.authorization)
  return { redis, upstream, keys, policy, vault, agent, gateway, records, shown }
}

export const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: InstanceType<typeof OpenAI.APIError>) => `${error.status} ${error.code}`,
  )
