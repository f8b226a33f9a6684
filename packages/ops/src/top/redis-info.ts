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
  const fields = new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const [, name, value] = /^(\w+):(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, Number(value)] as const]
    }),
  )
  const of = (name: string) => fields.get(name) || 0
  return {
    latencyMs,
    usedBytes: of('used_memory'),
    ...(of('maxmemory') > 0 && { maxBytes: of('maxmemory') }),
    clients: of('connected_clients'),
    commandsPerSecond: of('instantaneous_ops_per_sec'),
    evictedKeys: of('evicted_keys'),
  }
}
