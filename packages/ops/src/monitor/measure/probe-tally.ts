import { KEEP_MS, probesKeyOf } from '../../alerting/keys.ts'
import type { RedisClient } from '../../alerting/redis.ts'
import type { ProbeResult } from './measured.ts'

const HOUR_MS = 3_600_000

/** Counts results of probes by hour, for the uptime of reports: in memory while Redis is away. */
export type ProbeTally = {
  add: (probes: readonly ProbeResult[], at: number) => void
  /** Adds the counts to those in Redis. What was not written stays. @throws the error of Redis */
  write: (client: RedisClient) => Promise<void>
  clear: () => void
}

export function createProbeTally(): ProbeTally {
  const hours = new Map<number, Map<string, number>>()
  return {
    add(probes, at) {
      const hour = Math.floor(at / HOUR_MS)
      const counts = hours.get(hour) ?? new Map<string, number>()
      for (const { name, ok } of probes)
        for (const field of ok ? [`${name}:all`, `${name}:ok`] : [`${name}:all`])
          counts.set(field, (counts.get(field) ?? 0) + 1)
      if (counts.size > 0) hours.set(hour, counts)
    },
    async write(client) {
      for (const [hour, counts] of hours) {
        const key = probesKeyOf(hour)
        const work = client.multi()
        for (const [field, count] of counts) work.hincrby(key, field, count)
        await work.pexpire(key, KEEP_MS).exec()
        hours.delete(hour)
      }
    },
    clear: () => hours.clear(),
  }
}
