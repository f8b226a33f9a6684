import { infoFields } from '../alerting/redis.ts'
export type RedisFigures = {
  latencyMs: number
  usedBytes: number
  /** Absent: no limit, or unknown. */
  maxBytes?: number
  clients: number
  commandsPerSecond: number
  /** Keys that Redis removed for want of memory: limits and caches may be among them. */
  evictedKeys: number
}

/** Reads the figures of Redis' `INFO`. A field that is missing counts as 0. */
export function parseInfo(info: string, latencyMs: number): RedisFigures {
  const fields = infoFields(info)
  const of = (name: string) => Number(fields.get(name)) || 0
  return {
    latencyMs,
    usedBytes: of('used_memory'),
    ...(of('maxmemory') > 0 && { maxBytes: of('maxmemory') }),
    clients: of('connected_clients'),
    commandsPerSecond: of('instantaneous_ops_per_sec'),
    evictedKeys: of('evicted_keys'),
  }
}
