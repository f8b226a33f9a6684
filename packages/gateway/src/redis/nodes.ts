import type { Redis } from 'ioredis'
import type { RedisClient } from './connect.ts'

/** The servers that hold the keys: all of a cluster's, or the one. */
export const primariesOf = (client: RedisClient): Redis[] =>
  'nodes' in client ? client.nodes('master') : [client]
