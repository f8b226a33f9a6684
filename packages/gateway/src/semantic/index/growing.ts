import { setSoon } from '../../util/timers.ts'
import { createFlatIndex } from './flat.ts'
import type { GraphIndex, VectorIndex } from './port.ts'

/** Milliseconds that moving may take of a turn of the event loop. */
const SLICE_MS = 4

/**
 * Flat while it is small; then its entries move into a graph, a few at a time, and until all of them are there the flat
 * index answers. Where the graph cannot be had, it answers for good.
 */
export function createGrowingIndex(
  dims: number,
  { from, load }: GraphIndex,
  onTrouble: (error: unknown) => void,
): VectorIndex {
  let current: VectorIndex
  /** What entries are moved into, while they are. */
  let next: VectorIndex | undefined
  let started = false
  /** Entries of before `clear` are not moved to after it. */
  let generation = 0
  const flat = createFlatIndex(dims)
  current = flat

  async function move() {
    const mine = generation
    try {
      const graph = (await load())(dims)
      if (mine !== generation) return
      next = graph
      let since = performance.now()
      for (const id of [...flat.ids()]) {
        if (performance.now() - since > SLICE_MS) {
          await turn()
          if (mine !== generation) return
          since = performance.now()
        }
        const entry = graph.has(id) ? undefined : flat.get(id)
        if (entry !== undefined) graph.add(id, entry.vector, entry.expires)
      }
      current = graph
      flat.clear()
    } catch (error) {
      onTrouble(error)
    }
    if (mine === generation) next = undefined
  }

  return {
    add(id, vector, expires) {
      current.add(id, vector, expires)
      next?.add(id, vector, expires)
      if (started || flat.size() < from) return
      started = true
      void move()
    },
    has: (id) => current.has(id),
    oldest: () => current.oldest(),
    renew: (id) => current.renew(id),
    remove(id) {
      next?.remove(id)
      return current.remove(id)
    },
    nearest: (query, k, now) => current.nearest(query, k, now),
    size: () => current.size(),
    bytes: () => current.bytes() + (next?.bytes() ?? 0),
    clear() {
      generation += 1
      started = false
      next = undefined
      flat.clear()
      current = flat
    },
  }
}

/** Lets others have their turn, without keeping a program alive that has nothing else to do. */
const turn = () => new Promise<void>((resolve) => void setSoon(resolve).unref())
