import { LRUCache } from 'lru-cache'

const MOST_NAMES = 10_000

/** Replaces the ids of reservations that were given up. */
export function createNames() {
  const names = new LRUCache<string, string>({ max: MOST_NAMES })
  let retired = 0
  return {
    renamed<T extends { id: string }>(given: T): T {
      const id = names.get(given.id)
      return id === undefined ? given : { ...given, id }
    },
    /** Retires an id that Redis may have admitted and now settles as unused: a retry of it gets another id. */
    giveUp(given: string) {
      retired += 1
      names.set(given.replace(/~\d+$/, ''), `${given.replace(/~\d+$/, '')}~${retired}`)
    },
  }
}
