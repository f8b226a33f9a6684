import { LRUCache } from 'lru-cache'

const MOST_NAMES = 10_000

/** Ids under which reservations are tried again. */
export function createNames() {
  const names = new LRUCache<string, string>({ max: MOST_NAMES })
  let retired = 0
  return {
    renamed<T extends { id: string }>(given: T): T {
      const id = names.get(given.id)
      return id === undefined ? given : { ...given, id }
    },
    /** Redis may have admitted it and is told to let it go: if it is tried again, it is under another id. */
    giveUp(given: string) {
      retired += 1
      names.set(given.replace(/~\d+$/, ''), `${given.replace(/~\d+$/, '')}~${retired}`)
    },
  }
}
