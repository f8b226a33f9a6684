import type { Redis } from 'ioredis'
import type { RedisClient } from './connect.ts'

/** Returns the servers that hold the keys: all primaries of a cluster, or the single server. */
export const primariesOf = (client: RedisClient): Redis[] =>
  'nodes' in client ? client.nodes('master') : [client]
