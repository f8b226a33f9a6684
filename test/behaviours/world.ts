import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
} from '@hotdash/llm-gateway'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { expect, vi } from 'vitest'
import { createCleanup, type Served, serve } from '../serve/kit.ts'
import type { Agent, Way } from './agent.ts'
import { keyOf, policy } from './policy.ts'

export type Surroundings = {
  upstream: FakeOpenAI
  /** Without it everything is kept in memory. */
  redisUrl?: string
  /** A LiteLLM proxy, for the way through it. */
  litellmUrl?: string
  settleMs?: number
}

export type World = ReturnType<typeof createWorld>

export const UPSTREAM_KEY = 'upstream-key'

/** The same server, in another database. */
function databaseOf(redisUrl: string, database: number): string {
  const url = new URL(redisUrl)
  url.pathname = `/${database}`
  return url.href
}

/** Agents as they are deployed: everything from the environment, and one variable for the way. */
export function createWorld({ upstream, redisUrl, litellmUrl, settleMs = 0 }: Surroundings) {
  const cleanup = createCleanup()
  const folder = mkdtempSync(join(tmpdir(), 'gateway-behaviours-'))
  const policyFile = join(folder, 'policy.json')
  writeFileSync(policyFile, JSON.stringify(policy))
  const clients: GatewayClient[] = []
  const records: CallRecord[] = []
  let server: Served | undefined

  function deployed(way: Exclude<Way, 'served'>, agent: string, team: string, gateway: GatewayOptions = {}) {
    const env = {
      LLM_GATEWAY_MODE: way,
      LLM_GATEWAY_AGENT: agent,
      LLM_GATEWAY_KEY: keyOf(team),
      LLM_GATEWAY_POLICY: policyFile,
      LLM_GATEWAY_REDIS_URL: redisUrl ?? '',
      OPENAI_API_KEY: UPSTREAM_KEY,
      OPENAI_BASE_URL: upstream.baseURL,
      LITELLM_BASE_URL: litellmUrl ?? '',
    }
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const onCall = (record: CallRecord) => void records.push(record)
    const client = createGatewayClient({ gateway: { onCall, ...gateway } })
    clients.push(client)
    return client
  }

  /** In any language: the server's address, the team's key. */
  const plain = ({ baseURL }: Served, agent: string, team: string) =>
    new OpenAI({ baseURL, apiKey: keyOf(team), defaultHeaders: { 'x-gateway-agent': agent } })

  /** One for all, in a database of its own: nothing that an embedded agent has asked is in its cache. */
  async function started(): Promise<Served> {
    const env = {
      OPENAI_API_KEY: UPSTREAM_KEY,
      ...(redisUrl && { LLM_GATEWAY_REDIS_URL: databaseOf(redisUrl, 1) }),
    }
    server ??= await serve(cleanup, { upstream: upstream.baseURL, policy, env })
    return server
  }

  return {
    records,
    deployed,
    async agent(way: Way): Promise<Agent> {
      const served = way === 'served' ? await started() : undefined
      const as = (agent: string, team: string) =>
        served === undefined
          ? deployed(way as Exclude<Way, 'served'>, agent, team)
          : plain(served, agent, team)
      const settled = () => new Promise<void>((resolve) => setTimeout(resolve, settleMs))
      return { client: as('support', 'prod_customer'), upstream, as, settled }
    },
    /** Checks that the gateway counted no fault and that no output contains a key. */
    check() {
      for (const client of clients) expect(client.gateway.stats().faults).toBe(0)
      const said = server === undefined ? '' : server.out() + server.err()
      expect(said).not.toMatch(/failed here|of-the-tests|upstream-key/)
    },
    /** After each behaviour. */
    async leave() {
      vi.unstubAllEnvs()
      await Promise.all(clients.splice(0).map((client) => client.gateway.close()))
      upstream.reset()
      records.length = 0
    },
    async end() {
      await cleanup.run()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
