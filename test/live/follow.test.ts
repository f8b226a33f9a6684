import { setTimeout as sleep } from 'node:timers/promises'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { expect, test, vi } from 'vitest'
import { ask } from '../support.ts'
import { agentAt, LIVE, policyWith, redis, soon, storeAt } from './kit.ts'

test('a push and a switch are in force at once, in every client, and come with their version', async () => {
  const server = await redis()
  const store = storeAt(server)
  const agents = await Promise.all([agentAt(server), agentAt(server)])
  for (const agent of agents) {
    expect(agent.stats()).toEqual({ version: 0, source: 'default' })
    expect(agent.rpm()).toBe(100)
  }
  const { version } = await store.push(policyWith(7))
  await soon(() => agents.every(({ rpm }) => rpm() === 7))
  const switched = await store.switch(() => ({ teams: { prod_customer: { rpm: 3 } } }))
  await soon(() => agents.every(({ rpm }) => rpm() === 3))
  for (const agent of agents) {
    expect(agent.policy().version).toBe(switched.version)
    expect(switched.version).toBeGreaterThan(version)
    expect(agent.stats()).toEqual({
      version: switched.version,
      source: 'redis',
      followedAt: expect.any(Number),
    })
  }
})

test('the first call of a new process goes by the live policy already', async () => {
  const server = await redis()
  await storeAt(server).push(policyWith(1))
  const { client } = await agentAt(server)
  await client.chat.completions.create(ask('one'))
  await expect(client.chat.completions.create(ask('two'))).rejects.toMatchObject({
    code: 'gateway_rpm_exceeded',
  })
})

test('a server without calls waits for the policy with ready()', async () => {
  const server = await redis()
  await storeAt(server).push(policyWith(9))
  const { client, rpm } = await agentAt(server)
  await client.gateway.ready()
  expect(rpm()).toBe(9)
})

test('limits that were switched bind for calls of all processes from their next call on', async () => {
  const server = await redis()
  const store = storeAt(server)
  const [one, other] = await Promise.all([agentAt(server), agentAt(server)])
  await one.client.chat.completions.create(ask('a'))
  await store.switch(() => ({ teams: { prod_customer: { rpm: 2 } } }))
  await soon(() => one.rpm() === 2 && other.rpm() === 2)
  await other.client.chat.completions.create(ask('b'))
  await expect(one.client.chat.completions.create(ask('c'))).rejects.toMatchObject({
    code: 'gateway_rpm_exceeded',
  })
  // And back, although the number is smaller no more: the version rises with every change.
  await store.switch(() => ({}))
  await soon(() => one.rpm() === 100)
  await one.client.chat.completions.create(ask('d'))
})

test('switches without a policy lie over what each process was started with', async () => {
  const server = await redis()
  const store = storeAt(server)
  const own = await agentAt(server, { policy: policyWith(55) })
  const builtIn = await agentAt(server)
  const { version } = await store.switch(() => ({ cache: 'off' }))
  await soon(() => own.stats().version === version && builtIn.stats().version === version)
  expect(own.policy()).toMatchObject({ teams: policyWith(55).teams, cache: false, version })
  expect(builtIn.policy()).toMatchObject({ teams: hotdashPolicy.teams, cache: false, version })
  expect([own.stats().source, builtIn.stats().source]).toEqual(['option', 'default'])
  const cleared = await store.switch(() => ({}))
  await soon(() => own.stats().version === cleared.version)
  expect(own.policy()).toMatchObject({ teams: policyWith(55).teams, version: cleared.version })
  expect(own.policy().cache).not.toBe(false)
})

test('a live policy takes the place of one given in code, unless livePolicy is false', async () => {
  const server = await redis()
  const given = await agentAt(server, { policy: policyWith(55) })
  const pinned = await agentAt(server, { policy: policyWith(66), livePolicy: false })
  await storeAt(server).push(policyWith(7))
  await soon(() => given.rpm() === 7)
  await pinned.client.chat.completions.create(ask('x'))
  expect(pinned.rpm()).toBe(66)
  expect(pinned.stats()).toEqual({ version: 0, source: 'option' })
  expect(await server.admin.pubsub('NUMSUB', 'gw:policy')).toEqual(['gw:policy', 1])
})

test("a client's own cache options narrow the live policy, too", async () => {
  const server = await redis()
  const { policy, rpm } = await agentAt(server, { cache: false })
  await storeAt(server).push(policyWith(7))
  await soon(() => rpm() === 7)
  expect(policy().cache).toBe(false)
})

test('after a rollback processes go by what was in force before', async () => {
  const server = await redis()
  const store = storeAt(server)
  const { rpm } = await agentAt(server)
  await store.push(policyWith(7))
  await store.push(policyWith(8))
  await soon(() => rpm() === 8)
  await store.rollback()
  await soon(() => rpm() === 7)
})

test('all channels of a client are heard over one connection', async () => {
  const server = await redis()
  const { client } = await agentAt(server, { coalesce: { crossProcess: true } })
  await client.chat.completions.create(ask('x'))
  await expect
    .poll(async () => ((await server.admin.pubsub('CHANNELS')) as string[]).toSorted())
    .toEqual(['gw:flight', 'gw:policy', 'gw:purge'])
  const clients = String(await server.admin.client('LIST'))
    .trim()
    .split('\n')
  const subscribed = clients.filter((line) => !/ sub=0 /.test(line))
  expect(subscribed).toHaveLength(1)
  // The link, the ear, and who is looking.
  expect(clients).toHaveLength(3)
})

test('who missed the message learns of the change from the reply to its next reservation', async () => {
  const server = await redis()
  const deaf = await agentAt(server)
  const idle = await agentAt(server)
  await deaf.client.chat.completions.create(ask('first'))
  await idle.client.gateway.ready()
  // The look that follows on listening is over.
  await sleep(300)
  await server.admin.call('ACL', 'SETUSER', 'default', 'resetchannels')
  // Redis disconnects all subscribers, and they cannot subscribe again.
  const store = storeAt(server)
  expect(await store.push(policyWith(42))).toMatchObject({ notified: 0 })
  expect(await server.admin.pubsub('NUMSUB', 'gw:policy')).toEqual(['gw:policy', 0])
  expect([deaf.rpm(), idle.rpm()]).toEqual([100, 100])
  const fresh = await agentAt(server)
  await fresh.client.chat.completions.create(ask('second'))
  expect(fresh.rpm()).toBe(42)
  await deaf.client.chat.completions.create(ask('third'))
  await soon(() => deaf.rpm() === 42)
  expect(idle.rpm()).toBe(100)
})

test('who missed it and shares no limits finds it within a minute of calls', async () => {
  const server = await redis()
  const deaf = await agentAt(server, { quota: false })
  await deaf.client.chat.completions.create(ask('first'))
  const { version } = await storeAt(server).push(policyWith(1))
  await soon(() => deaf.stats().version === version)
  // As if the message had been lost.
  const [, text = '{}'] = ((await server.admin.get(LIVE)) ?? '').split('\n')
  const next = { ...JSON.parse(text), version: version + 1, policy: policyWith(42) }
  await server.admin.set(LIVE, `${version + 1}\n${JSON.stringify(next)}`)
  await deaf.client.chat.completions.create(ask('second'))
  expect(deaf.rpm()).toBe(1)
  const now = performance.now()
  vi.spyOn(performance, 'now').mockImplementation(() => now + 61_000)
  await deaf.client.chat.completions.create(ask('third'))
  vi.restoreAllMocks()
  await soon(() => deaf.rpm() === 42)
})
