import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { FAULTS, type Receiver } from './receivers.ts'
import type { WorldOrder } from './world.ts'

/** What faults are done to. */
export type Victims = {
  world: { send: (order: WorldOrder) => void }
  agents: { send: (order: { type: 'sink'; fails: boolean }) => void }[]
  redis: RedisServer
  /** Ends all connections to Redis. */
  cut: () => void
}

export type Chaos = { stop: () => Promise<void>; done: Record<string, number> }

/** A Redis that loses nothing that it has acknowledged, also when it is killed. */
export const startDurableRedis = () =>
  startRedis(['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory', '0'])

const RECEIVERS: Receiver[] = ['langfuse', 'supabase', 'otel']
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Begins a fault of a random dependency every 2 to 6 seconds, and ends it after half a second to 6 seconds. */
export function startChaos({ world, agents, redis, cut }: Victims): Chaos {
  const done: Record<string, number> = {}
  const running = new Set<Promise<void>>()
  let isStopping = false
  let isRedisBusy = false

  async function redisFault(): Promise<string> {
    if (isRedisBusy) return 'redis busy'
    isRedisBusy = true
    try {
      const kind = pick(['cut', 'hang', 'hang', 'kill'])
      if (kind === 'cut') cut()
      else if (kind === 'hang') {
        redis.pause()
        await sleep(300 + Math.random() * 4_000)
        redis.resume()
      } else {
        await redis.kill()
        await sleep(Math.random() * 3_000)
        await redis.restart()
      }
      return `redis ${kind}`
    } finally {
      isRedisBusy = false
    }
  }

  async function one(): Promise<void> {
    const length = 500 + Math.random() * 5_500
    const choice = Math.floor(Math.random() * 6)
    let name: string
    if (choice === 0) {
      name = 'upstream storm'
      world.send({ type: 'storm', on: true })
      await sleep(length)
      world.send({ type: 'storm', on: false })
    } else if (choice === 1) name = await redisFault()
    else if (choice === 2) {
      name = 'own sink fails'
      const agent = pick(agents)
      agent.send({ type: 'sink', fails: true })
      await sleep(length)
      agent.send({ type: 'sink', fails: false })
    } else {
      const receiver = pick(RECEIVERS)
      const fault = pick(FAULTS.slice(1))
      name = `${receiver} ${fault}`
      world.send({ type: 'fault', receiver, fault })
      await sleep(length)
      world.send({ type: 'fault', receiver, fault: 'none' })
    }
    done[name] = (done[name] ?? 0) + 1
  }

  const loop = (async () => {
    while (!isStopping) {
      const fault = one()
      running.add(fault)
      void fault.finally(() => running.delete(fault))
      await sleep(2_000 + Math.random() * 4_000)
    }
  })()

  return {
    done,
    async stop() {
      isStopping = true
      await loop
      await Promise.all(running)
    },
  }
}
