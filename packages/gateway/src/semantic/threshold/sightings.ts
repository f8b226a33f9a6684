import type { Observation } from './vcache.ts'

/** Entries whose own labels are remembered; the rest go by their agent's threshold. */
const MAX_ENTRIES = 10_000
const MAX_OBSERVATIONS = 200

/** What was judged of each entry, newest last; entries that were judged longest ago are forgotten. */
export function createSightings() {
  const entries = new Map<string, Observation[]>()
  return {
    of: (entry: string): readonly Observation[] => entries.get(entry) ?? [],
    add(entry: string, observation: Observation) {
      const own = entries.get(entry) ?? []
      entries.delete(entry)
      entries.set(entry, [...own.slice(1 - MAX_OBSERVATIONS), observation])
      const [oldest] = entries.size > MAX_ENTRIES ? entries.keys() : []
      if (oldest !== undefined) entries.delete(oldest)
    },
    /** Those of all processes, in the place of what was known here. */
    replace(known: Map<string, Observation[]>) {
      for (const [entry, observations] of known) entries.set(entry, observations)
    },
  }
}
