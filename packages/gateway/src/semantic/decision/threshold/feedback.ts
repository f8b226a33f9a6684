import { LRUCache } from 'lru-cache'
import { hash } from '../../../util/runtime.ts'
import type { Observation } from './vcache.ts'

/** Entries with labels of their own (LRU); others follow their agent's threshold. */
const MAX_ENTRIES = 10_000
const MAX_OBSERVATIONS = 200

/** Returns an entry's name in stored labels: 20 characters for every store, without any text of the key. */
export const feedbackName = (entry: string): string => hash('sha256', entry, 'base64url').slice(0, 20)

/** Remembers the labels of each entry, the newest last, for the entries judged most recently (LRU). */
export function createFeedback() {
  const byName = new LRUCache<string, readonly Observation[]>({ max: MAX_ENTRIES })

  const put = (name: string, observations: readonly Observation[]) =>
    void byName.set(name, observations.slice(-MAX_OBSERVATIONS))

  /** @param entry The entry's key, as in `Entry.id`. */
  const of = (entry: string): readonly Observation[] => byName.peek(feedbackName(entry)) ?? []

  return {
    of,
    add: (entry: string, observation: Observation) => put(feedbackName(entry), [...of(entry), observation]),
    /** Takes the labels of all processes, by `feedbackName`, where they are at least as many as those known here. */
    adopt(known: ReadonlyMap<string, readonly Observation[]>) {
      for (const [name, observations] of known)
        if (observations.length >= (byName.peek(name)?.length ?? 0)) put(name, observations)
    },
  }
}
