import type { Stored } from '../body/replay.ts'
import type { Epoch } from '../entry/epoch.ts'
import type { Purge } from '../entry/purge-filter.ts'

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

/** How an entry is put away. */
export type Placing = {
  /** What it is signed with, wherever other processes find it. */
  secret?: Buffer
  /** In which upstream was asked: if it is over, the entry is not kept. @default the present one */
  epoch?: Epoch
}

/** The port that memory, Redis and the two together implement. No method throws but `purge`. */
export type CacheStore = {
  /** Stale entries, too; a Promise only where waiting cannot be helped. */
  get: (key: string, secret?: Buffer) => CacheEntry | undefined | Promise<CacheEntry | undefined>
  /** True once it is where everybody finds it who shares this store. */
  set: (key: string, entry: CacheEntry, placing?: Placing) => boolean | Promise<boolean>
  /** The epoch of a key as this process knows it, which is as late as its last look at the key. */
  epoch: (key: string) => Epoch
  /** Forgets the entry whose answer has this id: upstream was told to delete it. */
  forget: (answerId: string) => void | Promise<void>
  /**
   * Forgets what matches, in every process, and says how many answers that were.
   * @throws RedisUnavailable when shared entries could not be reached.
   */
  purge: (what: Purge) => number | Promise<number>
  /** Resolves when all that was set is where it belongs, or has been given up. */
  settled: () => Promise<void>
  /** Lets go of what this process holds; what is shared stays. It can still be used. */
  close: () => void
}
