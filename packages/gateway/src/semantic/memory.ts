import type { Partition } from './scope.ts'
import type { Entry, Neighbour, SemanticStore } from './store.ts'

export function createMemoryMeanings(): SemanticStore {
  const partitions = new Map<string, { vector: Float32Array; entry: Entry }[]>()
  return {
    holds: ({ name }) => partitions.has(name),
    async nearest({ name }: Partition, vector, count): Promise<Neighbour[]> {
      const found = (partitions.get(name) ?? [])
        .filter(({ entry }) => entry.answer.freshUntil > Date.now())
        .map(({ vector: other, entry }) => ({
          entry,
          similarity: other.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0),
        }))
      return found.toSorted((a, b) => b.similarity - a.similarity).slice(0, count)
    },
    async add({ name }, vector, entry) {
      const held = partitions.get(name) ?? []
      partitions.set(name, held)
      held.push({ vector, entry: { ...entry, id: crypto.randomUUID(), pinned: false } })
      return true
    },
    settled: async () => undefined,
    close: () => partitions.clear(),
  }
}
