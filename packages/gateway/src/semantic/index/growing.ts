import { setSoon } from '../../util/timers.ts'
import { createFlatIndex } from './flat.ts'
import type { GraphIndex, VectorIndex } from './port.ts'

/** Milliseconds of one event-loop turn spent on moving entries. */
const SLICE_MS = 4

/**
 * Creates an index that starts flat and moves its entries into a graph in small steps; the flat index answers until
 * all are moved. If the graph cannot be loaded, the flat index stays.
 */
export function createGrowingIndex(
  dims: number,
  { from, load }: GraphIndex,
  onError: (error: unknown) => void,
): VectorIndex {
  let current: VectorIndex
  /** Target of the move in progress. */
  let next: VectorIndex | undefined
  let started = false
  /** Incremented by `clear`: a move started before it stops. */
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
          await yieldToEventLoop()
          if (mine !== generation) return
          since = performance.now()
        }
        const entry = graph.has(id) ? undefined : flat.get(id)
        if (entry !== undefined) graph.add(id, entry.vector, entry.expires)
      }
      current = graph
      flat.clear()
    } catch (error) {
      onError(error)
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

/** Yields to other tasks without keeping the process alive. */
const yieldToEventLoop = () => new Promise<void>((resolve) => void setSoon(resolve).unref())
