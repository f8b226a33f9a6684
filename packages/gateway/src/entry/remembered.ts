import type { CacheEntry } from './entry.ts'
import { orderOf, type Stamped, type Stamps, tagIn } from './epoch.ts'
import { matches, type PurgeFilter } from './purge-filter.ts'

/** So many of the last purges. */
const MAX = 1_000

/**
 * The purges that this process made or heard of. One of an agent, a model or a key leaves no mark in the signatures of
 * what it spares; so what it was about is remembered, and does not count again if it is put back.
 */
export function createRemembered() {
  const purges: { what: PurgeFilter; stamped: Stamped }[] = []

  return {
    add(what: PurgeFilter, stamped: Stamped): void {
      purges.push({ what, stamped })
      if (purges.length > MAX) purges.shift()
    },
    /** Whether an entry was asked for before a purge that was about it. */
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

/** When an entry was asked for, by the last purges before it. */
export const asOf = ({ own, all }: Stamps): [own: number, all: number] => [orderOf(own), orderOf(all)]
