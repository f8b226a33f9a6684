import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import {
  createRedisConnection,
  type RedisConnection,
  type RedisState,
  RedisUnavailable,
} from '#src/redis/connection.ts'
import { runs } from '../runs.ts'
import { until } from '../support.ts'
import { type RedisServer, startCluster, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const opened = <T extends { close: () => unknown }>(thing: T): T => {
  open.push(thing)
  return thing
}

function link(target: string | Redis, deadlineMs = 100): RedisConnection & { changes: RedisState[] } {
  const changes: RedisState[] = []
  const onChange = (state: RedisState) => void changes.push(state)
  return { ...opened(createRedisConnection(target, { deadlineMs, connectMs: 500, onChange })), changes }
}

const server = async (args?: string[]): Promise<RedisServer> => opened(await startRedis(args))
const get = (link: RedisConnection) => link.run((client) => client.get('k'))
const isUp = (link: RedisConnection) => () => link.stats().state === 'up'

test('the first command waits for the connection, and is answered', async () => {
  const { url, admin } = await server()
  await admin.set('k', 'v')
  expect(await get(link(url))).toBe('v')
})

test('no server listens: the first command is refused, the next at once, and a server that starts later is found', async () => {
  const redis = await server()
  await redis.kill()
  const it = link(redis.url)
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  expect(it.stats()).toMatchObject({ state: 'down', commands: 0 })
  await redis.restart()
  await until(isUp(it), 'recovery')
  expect(await get(it)).toBe(null)
})

test('killed: what was under way is refused, nothing is sent twice, and it recovers by itself', async () => {
  const redis = await server()
  const it = link(redis.url)
  await get(it)
  await redis.kill()
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  await redis.restart()
  await until(isUp(it), 'recovery')
  expect(it.changes).toEqual(['up', 'down', 'up'])
})

test('hung: a few commands wait for the deadline, the rest are refused at once, and it recovers by itself', async () => {
  const redis = await server()
  const it = link(redis.url, 50)
  await get(it)
  redis.pause()
  for (let at = 0; at < 3; at += 1) await expect(get(it)).rejects.toThrow('no answer within 50 ms')
  expect(it.stats().state).toBe('slow')
  const { commands } = it.stats()
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  expect(it.stats()).toMatchObject({ commands, timeouts: 3 })
  redis.resume()
  await until(isUp(it), 'recovery')
})

test('a server that accepts and never answers refuses the first commands within the time to connect', async () => {
  const redis = await server()
  redis.pause()
  const it = link(redis.url)
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  redis.resume()
  await until(isUp(it), 'recovery')
})

test("Redis' own errors are passed on and keep the connection up; errors of a server that cannot work take it down", async () => {
  const redis = await server()
  const it = link(redis.url)
  await redis.admin.lpush('k', 'x')
  await expect(get(it)).rejects.toThrow('WRONGTYPE')
  expect(it.stats()).toMatchObject({ state: 'up', errors: 0 })
  await redis.admin.del('k')
  await redis.admin.replicaof('127.0.0.1', 1)
  await expect(it.run((client) => client.set('k', 'v'))).rejects.toThrow(RedisUnavailable)
  await redis.admin.replicaof('NO', 'ONE')
  await until(isUp(it), 'recovery')
})

test('a server that becomes a replica with the connection open: away until it accepts a write, and said once', async () => {
  const redis = await server()
  const it = link(redis.url)
  await get(it)
  await redis.admin.replicaof('127.0.0.1', 1)
  await expect(it.run((client) => client.set('k', 'v'), 'reply')).rejects.toThrow(RedisUnavailable)
  // It answers PING all the time. A few attempts to connect later, it is no better.
  await sleep(1_000)
  expect(await redis.admin.ping()).toBe('PONG')
  expect(it.changes).toEqual(['up', 'down'])
  await redis.admin.replicaof('NO', 'ONE')
  await until(isUp(it), 'recovery')
  expect(it.changes).toEqual(['up', 'down', 'up'])
})

test('a connection that the server closes: what must hold is sent once more over a new one', async () => {
  const redis = await server()
  const it = link(redis.url)
  await get(it)
  await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  expect(await it.run((client) => client.incr('k'), 'reply')).toBe(1)
  expect(it.stats().state).toBe('up')
})

/** Milliseconds in which this process does nothing else. */
function block(ms: number) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('a stall of this process is no fault of Redis, however long it is and however often it comes', async () => {
  const redis = await server()
  const it = link(redis.url, 50)
  await get(it)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 250 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 60 }),
      async (stalls, commands) => {
        const asked = Promise.all(Array.from({ length: commands }, () => get(it)))
        for (const ms of stalls) {
          block(ms)
          await new Promise(setImmediate)
        }
        await asked
      },
    ),
    { numRuns: runs(15) },
  )
  expect(it.stats()).toMatchObject({ state: 'up', timeouts: 0, errors: 0 })
  expect(it.changes).toEqual(['up'])
})

test('stopped and continued (SIGSTOP) with commands under way: they are answered', async () => {
  const redis = await server()
  const child = fork(fileURLToPath(new URL('sleeper.ts', import.meta.url)), [redis.url], {
    execArgv: ['--import', fileURLToPath(new URL('fleet/lua.mjs', import.meta.url))],
  })
  open.push({ close: () => child.kill('SIGKILL') })
  const told = () => new Promise<unknown>((resolve) => child.once('message', resolve))
  await told()
  child.send('ask')
  child.kill('SIGSTOP')
  await sleep(1_500)
  child.kill('SIGCONT')
  expect(await told()).toEqual({ answered: 50, state: 'up', timeouts: 0 })
})

test('what must hold waits for a Redis that is slow, what is nice to have does not', async () => {
  const redis = await server()
  const it = link(redis.url, 50)
  await get(it)
  redis.pause()
  const [must, nice] = [it.run((client) => client.incr('n'), 'reply'), get(it)]
  await expect(nice).rejects.toThrow('no answer within 50 ms')
  redis.resume()
  expect(await must).toBe(1)
  expect(it.stats().state).toBe('up')
})

test('what must hold is given up once Redis has been silent for a second; then it is known to be away', async () => {
  const redis = await server()
  const it = link(redis.url, 50)
  await get(it)
  redis.pause()
  await expect(it.run((client) => client.incr('n'), 'reply')).rejects.toThrow(RedisUnavailable)
  const { commands } = it.stats()
  for (let at = 0; at < 20; at += 1) await expect(get(it)).rejects.toThrow(RedisUnavailable)
  expect(it.stats()).toMatchObject({ state: 'slow', commands })
  redis.resume()
  await until(isUp(it), 'recovery')
})

test("the program's own connection is used as it is, and left open", async () => {
  const { url } = await server()
  const own = new Redis(url)
  open.push({ close: () => own.disconnect() })
  const it = link(own)
  expect(await get(it)).toBe(null)
  it.close()
  await expect(get(it)).rejects.toThrow('closed')
  expect(await own.ping()).toBe('PONG')
})

test('three nodes are one cluster', async () => {
  const cluster = opened(await startCluster())
  const it = link(cluster.url, 1_000)
  await Promise.all(['a', 'b', 'c', 'd'].map((key) => it.run((client) => client.set(key, key))))
  expect(await it.run((client) => client.get('c'))).toBe('c')
  const held = await Promise.all(cluster.nodes.map(({ admin }) => admin.dbsize()))
  expect(held.filter((size) => size > 0).length).toBeGreaterThan(1)
})
