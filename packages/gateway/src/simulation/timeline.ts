type Event = { at: number; order: number; work: () => void }

/** Creates a queue of work to be done at given times: a binary heap, first by time, then by arrival. */
export function createTimeline() {
  const heap: Event[] = []
  let order = 0

  const isBefore = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order)
  const swap = (a: number, b: number) => {
    const held = heap[a] as Event
    heap[a] = heap[b] as Event
    heap[b] = held
  }

  function pop(): Event {
    const [first] = heap as [Event]
    const last = heap.pop() as Event
    if (heap.length > 0) {
      heap[0] = last
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2]
        let least = at
        for (const child of [left, right])
          if (child < heap.length && isBefore(heap[child] as Event, heap[least] as Event)) least = child
        if (least === at) break
        swap(at, least)
        at = least
      }
    }
    return first
  }

  return {
    /** Adds work for a time in milliseconds. */
    add(at: number, work: () => void): void {
      heap.push({ at, order, work })
      order += 1
      for (let child = heap.length - 1; child > 0; ) {
        const parent = (child - 1) >> 1
        if (!isBefore(heap[child] as Event, heap[parent] as Event)) break
        swap(child, parent)
        child = parent
      }
    },
    /** Does all work up to a time, in its order; `onTime` is told each time first. */
    runUntil(until: number, onTime: (at: number) => void): void {
      while (heap[0] !== undefined && heap[0].at <= until) {
        const { at, work } = pop()
        onTime(at)
        work()
      }
    },
  }
}
