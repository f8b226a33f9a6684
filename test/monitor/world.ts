import { onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { ask, setup } from '../support.ts'
import { createMonitors, type Monitors, QUICK } from './kit.ts'
import { startSmtp, type TestSmtp } from './smtp.ts'

/** Limits that no test reaches by its number of calls. */
export const WIDE = { teams: { prod_customer: { agents: ['support'], rpm: 100_000, tpm: 100_000_000 } } }

/** Closes something at the end of the test, last first. */
export const closing = (close: () => Promise<unknown>): void =>
  onTestFinished(async () => void (await close()))

export type World = { redis: RedisServer; smtp: TestSmtp; monitors: Monitors }

/** Starts Redis and an SMTP server, both real, and a starter of monitors. */
export async function startWorld(config: object = QUICK, slowMs?: number): Promise<World> {
  const redis = await startRedis()
  closing(() => redis.close())
  const smtp = await startSmtp(slowMs)
  closing(() => smtp.close())
  const monitors = createMonitors(redis.url, smtp.url, config)
  closing(() => monitors.close())
  return { redis, smtp, monitors }
}

/** Starts an agent with the real client, at a fake OpenAI and at the Redis of the world. */
export async function startAgent(redis: RedisServer, policy: object = WIDE) {
  const made = await setup({ redis: redis.url, metrics: { flushSeconds: 0.2 }, policy }, { maxRetries: 0 })
  const { client, upstream } = made
  closing(() => client.gateway.close())
  let asked = 0
  const call = async (times: number) => {
    for (let at = 0; at < times; at += 1) {
      asked += 1
      await client.chat.completions.create(ask(`question ${asked}`)).catch(() => undefined)
    }
    await client.gateway.flush()
  }
  return {
    ...made,
    /** Makes calls, whatever becomes of them, and writes their metrics. */
    call,
    /** Makes calls that fail at upstream. */
    async fail(times: number) {
      upstream.fail({ type: 'status', status: 500 }, { times: times * 10 })
      await call(times)
      upstream.reset()
    },
  }
}

/** Writes a minute of calls, as gateways do (docs/metrics.md), at the clock of Redis. */
export async function writeMinute(redis: RedisServer, row: string, counters: string): Promise<void> {
  const [seconds] = await redis.admin.time()
  await redis.admin.hset(`gw:{metrics}:minute:${Math.floor(Number(seconds) / 60)}`, row, counters)
}

/** Deletes all metrics: as if their window, and the day, had passed. */
export async function forgetMetrics(redis: RedisServer): Promise<void> {
  const keys = await redis.admin.keys('gw:{metrics}:*')
  if (keys.length > 0) await redis.admin.del(...keys)
}
