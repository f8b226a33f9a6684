import { hash } from 'node:crypto'
import type { Observation } from './vcache.ts'

/** Entries whose own labels are remembered; the rest go by their agent's threshold. */
const MAX_ENTRIES = 10_000
const MAX_OBSERVATIONS = 200

/** Names an entry in notes of judgements: short, of one length for every store, and without any text of its key. */
export const sightedName = (entry: string): string => hash('sha256', entry, 'base64url').slice(0, 20)

/** What was judged of each entry, newest last; entries that were judged longest ago are forgotten. */
export function createSightings() {
  const byName = new Map<string, readonly Observation[]>()

  function put(name: string, observations: readonly Observation[]) {
    byName.delete(name)
    byName.set(name, observations.slice(-MAX_OBSERVATIONS))
    const [oldest] = byName.size > MAX_ENTRIES ? byName.keys() : []
    if (oldest !== undefined) byName.delete(oldest)
  }

  /** @param entry Its key, as in `Entry.id`. */
  const of = (entry: string): readonly Observation[] => byName.get(sightedName(entry)) ?? []

  return {
    of,
    add: (entry: string, observation: Observation) => put(sightedName(entry), [...of(entry), observation]),
    /** Takes those of all processes, by `sightedName`, where they are no fewer than what is known here. */
    adopt(known: ReadonlyMap<string, readonly Observation[]>) {
      for (const [name, observations] of known)
        if (observations.length >= (byName.get(name)?.length ?? 0)) put(name, observations)
    },
  }
}
