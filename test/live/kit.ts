import type { GatewayOptions } from '@hotdash/llm-gateway'
import { hotdashPolicy, type Policy } from '@hotdash/llm-gateway'
import { openPolicyStore, type PolicyStore } from '@hotdash/llm-gateway/policy'
import { closeLater } from '../closing.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { setup, until } from '../support.ts'

export const LIVE = 'gw:{policy}:live'
export const HISTORY = 'gw:{policy}:history'

export async function redis(): Promise<RedisServer> {
  const server = await startRedis()
  closeLater(() => server.close())
  return server
}

export function storeAt(server: RedisServer): PolicyStore {
  const store = openPolicyStore({ redis: server.url })
  closeLater(() => store.close())
  return store
}

/** An agent at a fake OpenAI. Patient: tests share the machine. */
export async function agentAt(server: RedisServer, gateway: GatewayOptions = {}) {
  const made = await setup(
    {
      redis: server.url,
      deadlines: { redisMs: 1_000, connectMs: 2_000 },
      metrics: false,
      ...gateway,
    },
    { maxRetries: 0 },
  )
  closeLater(() => made.client.gateway.close())
  const { gateway: controls } = made.client
  return {
    ...made,
    policy: () => controls.policy(),
    stats: () => controls.stats().policy,
    rpm: (team = 'prod_customer') => controls.policy().teams?.[team]?.rpm,
  }
}

/** HotDash's own, with other requests a minute for customers. */
export const policyWith = (rpm: number, some: Partial<Policy> = {}): Policy => ({
  ...hotdashPolicy,
  teams: { ...hotdashPolicy.teams, prod_customer: { ...hotdashPolicy.teams.prod_customer, rpm } },
  ...some,
})

export const soon = (condition: () => boolean) => until(condition, 'the live policy')
