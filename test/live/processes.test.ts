import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GatewayOptions, PolicyStats } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import type { Order, Setting, Told } from '../redis/asker.ts'
import type { RedisServer } from '../redis/server.ts'
import { ask } from '../support.ts'
import { agentAt, policyWith, redis, storeAt } from './kit.ts'

const ASKER = fileURLToPath(new URL('../redis/asker.ts', import.meta.url))
/** Patient: how long the machine takes is not what is tested. */
const DEADLINES = { redisMs: 1_000, connectMs: 3_000 }

/** Sets limits that no call of these tests reaches. */
const roomy = (rpm: number, some: object = {}) =>
  policyWith(rpm, { teams: { prod_customer: { agents: ['support'], rpm, ...some } } })
/** Each call asks Redis, and none is told with others. */
const UNLEASED = { onRedisUnavailable: { leased: 0 } }

async function upstream(): Promise<FakeOpenAI> {
  const fake = await startFakeOpenAI({ tokens: 'approximate' })
  closeLater(() => fake.close())
  return fake
}

async function start(name: string, baseURL: string, server: RedisServer, some: GatewayOptions = {}) {
  const gateway = {
    agent: 'support',
    redis: server.url,
    deadlines: DEADLINES,
    metrics: false as const,
    ...some,
  }
  const setting: Setting = { name, baseURL, gateway }
  const child = fork(ASKER, {
    execArgv: ['--experimental-strip-types', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  closeLater(() => child.kill('SIGKILL'))
  await hear(child, 0)
  let orders = 0
  async function tell(
    order:
      | { type: 'start'; setting: Setting }
      | { type: 'ask'; content: string; stream: boolean }
      | { type: 'look' },
  ): Promise<Told> {
    orders += 1
    const answer = hear(child, orders)
    child.send({ ...order, id: orders } as Order)
    return await answer
  }
  await tell({ type: 'start', setting })
  return {
    child,
    ask: (content: string) => tell({ type: 'ask', content, stream: false }),
    async policy(): Promise<PolicyStats> {
      const { stats } = await tell({ type: 'look' })
      return (stats as { policy: PolicyStats }).policy
    },
  }
}

function hear(child: ChildProcess, id: number): Promise<Told> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the process has gone'))
    const listen = (told: Told) => {
      if (told.id !== id) return
      child.off('message', listen)
      child.off('exit', gone)
      resolve(told)
    }
    child.on('message', listen)
    child.once('exit', gone)
  })
}

test('four processes follow a change while they work, one that starts in the middle of it, too', async () => {
  const [server, fake] = await Promise.all([redis(), upstream()])
  const store = storeAt(server)
  const names = ['a', 'b', 'c', 'd']
  await store.push(roomy(1_000_000))
  const processes = await Promise.all(names.map((name) => start(name, fake.baseURL, server)))
  const waits: number[] = []
  let failed = 0
  let working = true
  const work = processes.map(async ({ ask }, at) => {
    for (let count = 0; working; count += 1) {
      if ((await ask(`${at}/${count}`)).error !== undefined) failed += 1
      await sleep(20)
    }
  })
  for (let rpm = 1_000_001; rpm <= 1_000_006; rpm += 1) {
    const before = Date.now()
    const { version } = await store.push(roomy(rpm))
    if (rpm === 1_000_003) processes.push(await start('late', fake.baseURL, server))
    for (const { policy } of processes) {
      let known = await policy()
      while (known.version < version) {
        await sleep(20)
        known = await policy()
      }
      expect(known).toMatchObject({ version, source: 'redis' })
      // Who has started since has other beginnings.
      if (rpm !== 1_000_003) waits.push((known.followedAt ?? 0) - before)
    }
  }
  working = false
  await Promise.all(work)
  expect(failed).toBe(0)
  expect(Math.max(...waits)).toBeLessThan(5_000)
})

test('one killed in the middle of a change leaves nothing behind, and finds it when it comes again', async () => {
  const [server, fake] = await Promise.all([redis(), upstream()])
  const store = storeAt(server)
  const victim = await start('victim', fake.baseURL, server)
  await victim.ask('x')
  const pushing = store.push(policyWith(1_001))
  victim.child.kill('SIGKILL')
  const { version } = await pushing
  const again = await start('again', fake.baseURL, server)
  expect((await again.ask('y')).error).toBeUndefined()
  expect(await again.policy()).toMatchObject({ version, source: 'redis' })
})

test.each([
  ['is there', (_: RedisServer) => undefined],
  ['hangs', (server: RedisServer) => server.pause()],
])('a program whose work is done ends by itself, although it follows, while Redis %s', async (_, trouble) => {
  const [server, fake] = await Promise.all([redis(), upstream()])
  await storeAt(server).push(roomy(1_000_000))
  const { child, ask } = await start('a', fake.baseURL, server)
  await ask('x')
  trouble(server)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  // What it is told through is all that keeps it.
  child.disconnect()
  expect(await ended).toBe(0)
})

test('a Redis that was killed and lost everything, and a policy pushed anew: all processes follow', async () => {
  const [server, fake] = await Promise.all([redis(), upstream()])
  const processes = await Promise.all(['a', 'b', 'c'].map((name) => start(name, fake.baseURL, server)))
  const { version } = await storeAt(server).push(policyWith(1_001))
  for (const { policy } of processes) await expect.poll(async () => (await policy()).version).toBe(version)
  await server.kill()
  for (const { ask, policy } of processes) {
    expect((await ask('while it is gone')).error).toBeUndefined()
    expect((await policy()).version).toBe(version)
  }
  await server.restart()
  await sleep(1_100)
  const next = await storeAt(server).push(policyWith(1_002))
  for (const { policy } of processes)
    await expect.poll(async () => (await policy()).version).toBe(next.version)
})

/** Of 200 calls that each ask upstream. */
async function commandsOf(server: RedisServer, livePolicy: boolean): Promise<Record<string, number>> {
  const limits = roomy(1_000_000, UNLEASED)
  const { client } = await agentAt(server, { livePolicy, policy: limits })
  await client.chat.completions.create(ask('first'))
  await client.gateway.flush()
  // What is looked up once, at the start, is over.
  await sleep(500)
  await server.admin.config('RESETSTAT')
  for (let at = 0; at < 20; at += 1)
    await Promise.all(
      Array.from({ length: 10 }, (_, place) =>
        client.chat.completions.create(ask(`${at}/${place}/${livePolicy}`)),
      ),
    )
  await client.gateway.flush()
  const stats = await server.admin.info('commandstats')
  return Object.fromEntries(
    [...stats.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)]
      .map(([, name = '', calls]) => [name, Number(calls)] as const)
      // By the clock, not by the call: the subscription is pinged, and keys get a new end of life once a minute.
      .filter(([name]) => !/^(info|config|ping|pexpire)/.test(name)),
  )
}

test('200 calls cost as many Redis commands as they would without a live policy', async () => {
  const server = await redis()
  const without = await commandsOf(server, false)
  await server.admin.flushall()
  await storeAt(server).push({ ...roomy(1_000_001, UNLEASED), cache: { exact: { ttlSeconds: 60 } } })
  const followed = await commandsOf(server, true)
  // What the caller waits for and what is told afterwards: four commands each (one to look up, three scripts).
  for (const commands of [without, followed])
    expect(commands).toMatchObject({ mget: expect.any(Number), evalsha: 600 })
  expect(followed).toEqual(without)
})
