import type { Stored } from '../body/replay.ts'

/** A cached answer. */
export type CacheEntry = Stored & {
  /** Id under which upstream keeps the answer, too, until a DELETE. */
  answerId: string | undefined
  /** True for a stream without usage: it can be served only to streams that do not request usage. */
  untold: boolean
  /** Team and agent of the first caller. */
  team: string
  agent: string
  /** In milliseconds since the epoch, as all times here. */
  storedAt: number
  /** End of freshness. Afterwards it is stale: served only while upstream is down, or until it is refreshed. */
  freshUntil: number
  /** In Redis: times of the last purges before upstream was asked, of its team and of all teams. */
  asOf?: [own: number, all: number]
  /** Removed after this time. */
  keptUntil: number
}
