import { openPolicyStore } from '@hotdash/llm-gateway/policy'
import { Redis as Redis5 } from 'ioredis5'
import { expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { startCluster } from '../redis/server.ts'
import { ask, setup } from '../support.ts'
import { agentAt, LIVE, policyWith, redis, soon, storeAt } from './kit.ts'

test('agents that may only read the live policy follow it, and cannot change it', async () => {
  const server = await redis()
  // The line that docs/live-policy.md gives.
  const rights =
    'on >secret resetkeys resetchannels &gw:* ~gw:{[^p]* ~gw:{p[^o]* %R~gw:{policy}:* +@all -@admin -@dangerous +info'
  await server.admin.call('ACL', 'SETUSER', 'agents', ...rights.split(' '))
  const url = server.url.replace('redis://', 'redis://agents:secret@')
  const agent = await agentAt({ ...server, url })
  const { version } = await storeAt(server).push(policyWith(7))
  await soon(() => agent.stats().version === version)
  await agent.client.chat.completions.create(ask('x'))
  await agent.client.gateway.flush()
  expect(agent.stats()).toMatchObject({ version, source: 'redis' })
  expect(agent.client.gateway.stats().quota).toMatchObject({ mode: 'shared', errors: 0 })
  const thief = openPolicyStore({ redis: url })
  closeLater(() => thief.close())
  await expect(thief.switch(() => ({ mode: 'direct' }))).rejects.toThrow(/NOPERM|permission/)
  expect((await storeAt(server).read()).version).toBe(version)
})

test('in a cluster it is one slot, and every process is told, whichever node it listens to', async () => {
  const cluster = await startCluster()
  closeLater(() => cluster.close())
  const store = openPolicyStore({ redis: cluster.url })
  closeLater(() => store.close())
  const options = {
    redis: cluster.url,
    deadlines: { redisMs: 2_000, connectMs: 5_000 },
    metrics: false as const,
  }
  const agents = await Promise.all(Array.from({ length: 4 }, () => setup(options)))
  closeLater(() => Promise.all(agents.map(({ client }) => client.gateway.close())))
  for (const { client } of agents) await client.chat.completions.create(ask('x'))
  for (const rpm of [7, 8]) {
    await store.push(policyWith(rpm))
    for (const { client } of agents)
      await soon(() => client.gateway.policy().teams?.prod_customer?.rpm === rpm)
  }
  expect((await store.history()).length).toBe(2)
})

test.each([
  ['ours', undefined],
  ['an older major version', Redis5],
])('a client that a program lends, %s, is used for both ends and left open', async (_, Client) => {
  const server = await redis()
  const lent = Client === undefined ? server.admin.duplicate() : new Client(server.port)
  closeLater(() => lent.disconnect())
  const store = openPolicyStore({ redis: lent as never })
  const { client } = await setup({ redis: lent as never, metrics: false })
  await client.gateway.ready()
  const { version } = await store.push(policyWith(7))
  await soon(() => client.gateway.stats().policy.version === version)
  store.close()
  await client.gateway.close()
  expect(await lent.exists(LIVE)).toBe(1)
})

test('a gateway that was closed follows nothing, and holds no connection', async () => {
  const server = await redis()
  const agent = await agentAt(server)
  await agent.client.gateway.ready()
  await agent.client.gateway.close()
  await storeAt(server).push(policyWith(7))
  expect(agent.rpm()).toBe(100)
  await expect.poll(() => server.admin.pubsub('NUMSUB', 'gw:policy')).toEqual(['gw:policy', 0])
})
