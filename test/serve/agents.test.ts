import { createGatewayClient } from '@hotdash/llm-gateway'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { surfaces } from '../conformance/surfaces.ts'
import { behaviours, type World } from './behaviours.ts'
import { createCleanup, fake, KEYS, policy, type Served, serve, UPSTREAM_KEY } from './kit.ts'

const cleanup = createCleanup()
let upstream: FakeOpenAI
let open: Served
beforeAll(async () => {
  upstream = await fake(cleanup)
  open = await serve(cleanup, {
    upstream: upstream.baseURL,
    flags: ['--allow-anonymous'],
    policy: { cache: false },
  })
})
afterEach(() => upstream.reset())
afterAll(() => cleanup.run())

/** Inside the agent's process: upstream's own address and key. */
function embedded(): World {
  const clients = Object.entries(KEYS).map(([team, key]) => [
    team,
    createGatewayClient({ baseURL: upstream.baseURL, apiKey: UPSTREAM_KEY, gateway: { key, policy } }),
  ])
  const byTeam = Object.fromEntries(clients) as Record<string, OpenAI>
  return { upstream, client: (team) => byTeam[team] as OpenAI }
}

/** Any OpenAI client: the server's address, the team's key. */
const served = ({ baseURL }: Served): World => ({
  upstream,
  client: (team) => new OpenAI({ baseURL, apiKey: KEYS[team] }),
})

describe('an agent does the same with the gateway inside it and with one that serves', () => {
  test.each(behaviours)('$name', { timeout: 40_000 }, async ({ run }) => {
    const inside = await run(embedded())
    upstream.reset()
    const ours = createCleanup()
    const server = await serve(ours, { upstream: upstream.baseURL })
    try {
      expect(await run(served(server))).toEqual(inside)
    } finally {
      await ours.run()
    }
    for (const secret of [UPSTREAM_KEY, ...Object.values(KEYS)])
      expect(server.out() + server.err()).not.toContain(secret)
  })
})

describe('what the SDK makes of an answer is what it makes of upstream’s own', () => {
  test.each(surfaces)('$name', async ({ run }) => {
    const bare = new OpenAI({ baseURL: upstream.baseURL, apiKey: UPSTREAM_KEY })
    const expected = await run(bare)
    const seen = await run(new OpenAI({ baseURL: open.baseURL, apiKey: 'anything' }))
    expect(seen).toStrictEqual(expected)
  })
})
