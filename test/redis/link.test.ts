import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import {
  createLink,
  type Link,
  type LinkState,
  RedisUnavailable,
} from '../../packages/gateway/src/redis/link.ts'
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

function link(target: string | Redis, deadlineMs = 100): Link & { changes: LinkState[] } {
  const changes: LinkState[] = []
  const onChange = (state: LinkState) => void changes.push(state)
  return { ...opened(createLink(target, { deadlineMs, connectMs: 500, onChange })), changes }
}

const server = async (args?: string[]): Promise<RedisServer> => opened(await startRedis(args))
const get = (link: Link) => link.ask((client) => client.get('k'))
const isUp = (link: Link) => () => link.stats().state === 'up'

test('the first command waits for the connection, and is answered', async () => {
  const { url, admin } = await server()
  await admin.set('k', 'v')
  expect(await get(link(url))).toBe('v')
})

test('nobody listens: the first command is refused, the next at once, and a server that comes later is found', async () => {
  const redis = await server()
  await redis.kill()
  const it = link(redis.url)
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  expect(it.stats()).toMatchObject({ state: 'down', commands: 0 })
  await redis.restart()
  await until(isUp(it), 'recovery', 2_000)
  expect(await get(it)).toBe(null)
})

test('killed: what was under way is refused, nothing is sent twice, and it recovers by itself', async () => {
  const redis = await server()
  const it = link(redis.url)
  await get(it)
  await redis.kill()
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  await redis.restart()
  await until(isUp(it), 'recovery', 2_000)
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
  await until(isUp(it), 'recovery', 3_000)
})

test('a server that accepts and never answers refuses the first commands within the time to connect', async () => {
  const redis = await server()
  redis.pause()
  const it = link(redis.url)
  await expect(get(it)).rejects.toThrow(RedisUnavailable)
  redis.resume()
  await until(isUp(it), 'recovery', 3_000)
})

test("Redis' own errors are passed on and take nobody down; those of a server that cannot work do", async () => {
  const redis = await server()
  const it = link(redis.url)
  await redis.admin.lpush('k', 'x')
  await expect(get(it)).rejects.toThrow('WRONGTYPE')
  expect(it.stats()).toMatchObject({ state: 'up', errors: 0 })
  await redis.admin.del('k')
  await redis.admin.replicaof('127.0.0.1', 1)
  await expect(it.ask((client) => client.set('k', 'v'))).rejects.toThrow(RedisUnavailable)
  await redis.admin.replicaof('NO', 'ONE')
  await until(isUp(it), 'recovery', 2_000)
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
  await Promise.all(['a', 'b', 'c', 'd'].map((key) => it.ask((client) => client.set(key, key))))
  expect(await it.ask((client) => client.get('c'))).toBe('c')
  const held = await Promise.all(cluster.nodes.map(({ admin }) => admin.dbsize()))
  expect(held.filter((size) => size > 0).length).toBeGreaterThan(1)
})
