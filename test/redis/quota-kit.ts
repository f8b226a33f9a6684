import type { Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import type { NanoUsd } from '#src/core/money.ts'
import type { Limits } from '#src/core/team-limits.ts'
import { createMemoryQuota } from '#src/quota/memory.ts'
import { createRedisQuota, type RedisQuota, type RedisQuotaOptions } from '#src/quota/redis/quota.ts'
import type { QuotaStore, Reservation, Settlement } from '#src/quota/store.ts'
import { createRedisConnection, type RedisConnection } from '#src/redis/connection.ts'
import { redisBinary, startCluster, startRedis } from './server.ts'

export const usd = (micro: number) => micro as NanoUsd
export const limits = (some: Partial<Limits>): Limits => ({ tpmMode: 'strict', timezone: 'UTC', ...some })

/** 100 tokens and 100 n$ at most, unless said otherwise. */
export const claim = (id: string, some: Partial<Reservation> & { limits: Limits }): Reservation => ({
  id,
  team: 't',
  agent: 'a',
  model: 'm',
  inputTokens: 10,
  maxOutputTokens: 90,
  worstCost: usd(100),
  leaseMs: 60_000,
  ...some,
})

export const truth = (id: string, some: Partial<Settlement> = {}): Settlement => ({
  id,
  team: 't',
  tokens: 100,
  learnOutputTokens: undefined,
  cost: usd(100),
  unconfirmed: usd(0),
  ...some,
})

/** A process of the fleet: its own connection, and its own memory. Patient, since tests share the machine. */
export function member(
  target: string | Redis,
  options: RedisQuotaOptions & { deadlineMs?: number } = {},
): RedisQuota & { link: RedisConnection } {
  const { deadlineMs = 2_000, ...rest } = options
  const link = createRedisConnection(target, { deadlineMs, connectMs: 2_000, onChange: () => undefined })
  const quota = createRedisQuota(link, rest)
  return {
    ...quota,
    link,
    close() {
      quota.close()
      link.close()
    },
  }
}

type Opened = { store: QuotaStore; close: () => unknown }

/** Makes a Redis one that is full: it takes nothing more. */
export async function fill(admin: Redis): Promise<void> {
  await admin.config('SET', 'maxmemory-policy', 'noeviction')
  await admin.config('SET', 'maxmemory', '1')
}

async function standalone(prepare: (admin: Redis) => Promise<unknown>, options?: RedisQuotaOptions) {
  const server = await startRedis()
  await prepare(server.admin)
  const store = member(server.url, options)
  return {
    store,
    close: async () => {
      store.close()
      await server.close()
    },
  }
}

async function cluster(): Promise<Opened> {
  const { url, close } = await startCluster()
  const store = member(url)
  return {
    store,
    close: async () => {
      store.close()
      await close()
    },
  }
}

/** A client of the version before, lent to us with its own settings. */
async function lent(): Promise<Opened> {
  const server = await startRedis()
  const client = new Redis5(server.port)
  const store = member(client as unknown as Redis)
  return {
    store,
    close: async () => {
      store.close()
      client.disconnect()
      await server.close()
    },
  }
}

async function lentCluster(): Promise<Opened> {
  const { nodes, close } = await startCluster()
  const client = new Cluster5(
    nodes.map(({ port }) => port),
    { enableAutoPipelining: true },
  )
  const store = member(client as unknown as Redis)
  return {
    store,
    close: async () => {
      store.close()
      client.disconnect()
      await close()
    },
  }
}

const nothing = async () => undefined

/** Opens a server that the environment provides; it is neither stopped nor emptied. */
async function given(url: string): Promise<Opened> {
  const store = member(url)
  return { store, close: () => store.close() }
}

const { TEST_REDIS_URL } = process.env

const OWN_SERVERS: Record<string, () => Promise<Opened>> = {
  'Redis, ioredis 6': () => standalone(nothing),
  'Redis, ioredis 5': lent,
  'a full Redis': () => standalone(fill),
  'Redis by the clock of its clients': () => standalone(nothing, { clock: 'client' }),
  'a Redis that knows no key locking': () => standalone(nothing, { keyLocking: true }),
  'a cluster, ioredis 6': cluster,
  'a cluster, ioredis 5, pipelined': lentCluster,
}

/** Every way to keep quotas. What is true of one is true of all. */
export const STORES: Record<string, () => Promise<Opened>> = {
  memory: async () => ({ store: createMemoryQuota(), close: () => undefined }),
  ...(TEST_REDIS_URL ? { 'the Redis of TEST_REDIS_URL': () => given(TEST_REDIS_URL) } : {}),
  ...(redisBinary() === undefined ? {} : OWN_SERVERS),
}
