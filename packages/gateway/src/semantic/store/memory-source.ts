import { partitionPrefix } from './admin.ts'
import type { PartitionState, Partitions } from './partitions.ts'
import type { EntryHandle, EntryRef, EntrySource } from './port.ts'

/** Entries that this process holds, for a gateway without Redis. */
export function createMemorySource(partitions: Partitions): EntrySource {
  const stateOf = ({ partition }: EntryRef): PartitionState | undefined =>
    new Map(partitions.all()).get(partition)

  const handleOf = (state: PartitionState, ref: EntryRef): EntryHandle => ({
    ...ref,
    exactKey: async () => state.entries.get(ref.id)?.exact ?? '',
    read: async () => state.entries.get(ref.id),
  })

  return {
    async *scan(team) {
      const prefix = partitionPrefix(team)
      for (const [partition, state] of partitions.all())
        if (partition.startsWith(prefix))
          for (const id of [...state.entries.keys()]) yield handleOf(state, { partition, id })
    },
    async at(ref) {
      const state = stateOf(ref)
      return state?.entries.has(ref.id) ? handleOf(state, ref) : undefined
    },
    async write(ref, sealed) {
      const state = stateOf(ref)
      if (state === undefined) return false
      // Unpinned after its expiry, an entry is refused by the index and goes at once.
      if (!partitions.upsert(state, ref.id, sealed)) partitions.drop(state, ref.id)
      return true
    },
    async delete(ref) {
      const state = stateOf(ref)
      if (!state?.entries.has(ref.id)) return 0
      partitions.drop(state, ref.id)
      return 1
    },
  }
}
