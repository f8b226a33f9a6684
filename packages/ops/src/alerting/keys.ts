/** Keys of the monitor in Redis. All are in one slot of a cluster, and all have a TTL. */
export const KEYS = {
  /** String: the instance that leads. */
  leader: 'gw:{monitor}:leader',
  /** Hash: `revision` and `json`, the state of all alerts. */
  state: 'gw:{monitor}:state',
  /** Hash: messages to deliver, by id. */
  outbox: 'gw:{monitor}:outbox',
  /** Sorted set: ids of those messages, by the time when each is due. */
  due: 'gw:{monitor}:outbox:due',
  /** Hash: tokens of claims, by message. */
  claims: 'gw:{monitor}:outbox:claims',
  /** Sorted set: ids of all messages ever queued, by time. */
  queued: 'gw:{monitor}:outbox:queued',
  /** List: the last messages that could not be delivered, with the reason. */
  failed: 'gw:{monitor}:outbox:failed',
  silences: 'gw:{monitor}:silences',
  acknowledgements: 'gw:{monitor}:acknowledgements',
  /** Hash: sign of life of each monitor, by its name. */
  monitors: 'gw:{monitor}:alive',
} as const

/** Hash of an hour's probes: `<target>:ok` and `<target>:all`. */
export const probesKeyOf = (hour: number): string => `gw:{monitor}:probes:${hour}`

/** TTL of everything a monitor writes: 35 days, in milliseconds. */
export const KEEP_MS = 35 * 24 * 3_600_000

/** Stream of rows that wait for Supabase (docs/usage-in-supabase.md). */
export const SPILL_KEY = 'gw:{usage}:spill'
