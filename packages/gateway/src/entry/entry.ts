import type { Stored } from '../body/replay.ts'

/** An answer as the cache keeps it. */
export type CacheEntry = Stored & {
  /** Under which upstream keeps it as well, until it is told to DELETE it. */
  answerId: string | undefined
  /** A stream whose usage upstream never told: only a stream that does not ask for it can have it again. */
  untold: boolean
  /** Who asked first. */
  team: string
  agent: string
  /** Milliseconds since the epoch; so are the others. */
  storedAt: number
  /** From then on it is stale: good enough only while upstream is down, or until a fresh one has come. */
  freshUntil: number
  /** In Redis: the last purges, of its team and of all, before it was asked for, as the times in their stamps. */
  asOf?: [own: number, all: number]
  /** Not kept any longer than this. */
  keptUntil: number
}
