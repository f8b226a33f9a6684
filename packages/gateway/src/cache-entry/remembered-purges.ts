import type { CacheEntry } from './entry.ts'
import { orderOf, type Stamped, type Stamps, tagIn } from './epoch.ts'
import { matches, type PurgeFilter } from './purge-filter.ts'

/** Largest number of remembered purges. */
const MAX_PURGES = 1_000

/**
 * Remembers the purges that this process made or received. A purge of one agent, model or key does not change the
 * signatures of other entries; so its filter is kept, and rejects purged entries that are put back.
 */
export function createPurgeHistory() {
  const purges: { what: PurgeFilter; stamped: Stamped }[] = []

  return {
    add(what: PurgeFilter, stamped: Stamped): void {
      purges.push({ what, stamped })
      if (purges.length > MAX_PURGES) purges.shift()
    },
    /** Whether a later purge selected this entry. */
    covers(key: string, entry: CacheEntry): boolean {
      const [own, all] = entry.asOf ?? [0, 0]
      const tag = tagIn(key) ?? ''
      return purges.some(
        ({ what, stamped }) =>
          (own < orderOf(stamped.own?.[tag]) || all < orderOf(stamped.all)) && matches(what, key, entry),
      )
    },
  }
}

/** Returns the times of the last purges before the entry's call. */
export const asOf = ({ own, all }: Stamps): [own: number, all: number] => [orderOf(own), orderOf(all)]
