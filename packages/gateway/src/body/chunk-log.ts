import type { SseEvent } from './sse.ts'

/** Bytes of one read from upstream, and the events that they completed. */
export type Entry = { bytes: Uint8Array; events: readonly SseEvent[] }

/** Position of one reader: number of its next entry, and bytes read. `lost`: it was dropped for lagging. */
export type ReaderPosition = { at: number; had: number; lost: boolean; wake: (() => void) | undefined }

type State = { type: 'open' } | { type: 'closed' } | { type: 'broken'; error: unknown }

export type ChunkLog = ReturnType<typeof createChunkLog>

type Limits = {
  /** Bytes up to which every entry is kept, read or not. */
  keep: number
  /** Bytes held for readers that lag behind others. */
  lag: number
}

const EVICTED: Entry = { bytes: new Uint8Array(0), events: [] }

/** Entries merged at a time: a body may arrive byte by byte, and an entry takes more memory than a byte. */
const MERGE_COUNT = 1_024
/** Mean size in bytes below which entries are merged. */
const MERGE_BELOW_BYTES = 256

const TOO_FAR: State = { type: 'broken', error: terminated('the reader fell too far behind') }

/**
 * Creates a log with one writer and many readers, each at its own pace. Up to `keep` bytes every entry is kept; beyond, those
 * that some reader has not read. The writer must pause when no reader is within `keep` bytes of it, or when `lag` bytes are
 * held.
 * @param onEvict receives each entry that is evicted.
 */
export function createChunkLog({ keep, lag }: Limits, onEvict: (entry: Entry) => void = () => undefined) {
  let entries: Entry[] = []
  /** Number of the first entry kept. The first `evicted` members of `entries` are placeholders. */
  let first = 0
  let evicted = 0
  let pushed = 0
  let held = 0
  /** Entries since the last merge, and the bytes pushed by then. */
  let unmerged = 0
  let mergedAt = 0
  let state: State = { type: 'open' }
  let onProgress: (() => void) | undefined
  const readers = new Set<ReaderPosition>()

  function wakeAll() {
    for (const position of readers) {
      const wake = position.wake
      position.wake = undefined
      wake?.()
    }
  }

  const numberOfNext = () => first + entries.length - evicted

  function evictRead() {
    let slowest = Number.POSITIVE_INFINITY
    for (const position of readers) slowest = Math.min(slowest, position.at)
    if (slowest === Number.POSITIVE_INFINITY || slowest === first) return
    for (; first < slowest; first += 1, evicted += 1) {
      const entry = entries[evicted] as Entry
      held -= entry.bytes.byteLength
      onEvict(entry)
      entries[evicted] = EVICTED
    }
    // Amortised: a slice costs as much as what is left.
    if (evicted < entries.length / 2) return
    entries = entries.slice(evicted)
    evicted = 0
  }

  /** Merges the latest entries between the positions of readers. Each byte is copied once. */
  function mergeLatest() {
    const end = numberOfNext()
    const begin = Math.max(first, end - MERGE_COUNT)
    const boundaries = new Set([begin, end])
    for (const { at } of readers) if (at > begin && at < end) boundaries.add(at)
    const bounds = [...boundaries].sort((a, b) => a - b)
    const joined: Entry[] = []
    const moved = new Map<number, number>()
    bounds.forEach((bound, at) => {
      moved.set(bound, begin + at)
      const from = bounds[at - 1]
      if (from !== undefined)
        joined.push(merged(entries.slice(from - first + evicted, bound - first + evicted)))
    })
    entries.splice(begin - first + evicted, end - begin, ...joined)
    for (const position of readers) position.at = moved.get(position.at) ?? position.at
  }

  function mayPush() {
    if (held <= keep) return true
    if (held > lag) return false
    for (const position of readers) if (pushed - position.had <= keep) return true
    return false
  }

  return {
    push(entry: Entry) {
      entries.push(entry)
      pushed += entry.bytes.byteLength
      held += entry.bytes.byteLength
      wakeAll()
      unmerged += 1
      if (unmerged < MERGE_COUNT) return
      if (pushed - mergedAt < MERGE_COUNT * MERGE_BELOW_BYTES) mergeLatest()
      unmerged = 0
      mergedAt = pushed
    },
    /** Returns a promise that resolves once a reader has read or left; `undefined` if the writer need not wait. */
    backpressure(): Promise<void> | undefined {
      if (held <= keep) return undefined
      evictRead()
      if (mayPush()) return undefined
      return new Promise((resolve) => {
        onProgress = resolve
      })
    },
    /**
     * Drops the slowest readers if another one has read everything and waits for more.
     * @returns `false` if no reader is left.
     */
    dropSlowest(): boolean {
      let slowest = Number.POSITIVE_INFINITY
      for (const position of readers) slowest = Math.min(slowest, position.at)
      const isAwaited = slowest < numberOfNext() && [...readers].some(({ wake }) => wake !== undefined)
      if (isAwaited)
        for (const position of readers)
          if (position.at === slowest) {
            position.lost = true
            readers.delete(position)
          }
      return readers.size > 0
    },
    close() {
      if (state.type === 'open') state = { type: 'closed' }
      wakeAll()
    },
    break(error: unknown) {
      if (state.type === 'open') state = { type: 'broken', error }
      wakeAll()
    },
    /** Returns all entries, or `undefined` if they are more than is kept. */
    whole: (): readonly Entry[] | undefined => (first === 0 && pushed <= keep ? entries : undefined),
    /** Returns the entries that are kept. */
    kept: (): readonly Entry[] => (evicted === 0 ? entries : entries.slice(evicted)),
    pushed: () => pushed,
    join(): ReaderPosition {
      const position: ReaderPosition = { at: 0, had: 0, lost: false, wake: undefined }
      readers.add(position)
      return position
    },
    release(position: ReaderPosition) {
      readers.delete(position)
      position.wake = undefined
      onProgress?.()
    },
    /** Returns a reader's next entry, or the log's state if there is no further one. A dropped reader finds the log broken. */
    read(position: ReaderPosition): Entry | State {
      if (position.lost || position.at < first) return TOO_FAR
      const entry = entries[position.at - first + evicted]
      if (entry === undefined) return state
      position.at += 1
      position.had += entry.bytes.byteLength
      if (held > keep) onProgress?.()
      return entry
    },
  }
}

/** Merges entries into one. */
function merged(entries: readonly Entry[]): Entry {
  const [only] = entries
  if (entries.length === 1 && only !== undefined) return only
  const bytes = Buffer.concat(entries.map((entry) => entry.bytes))
  return { bytes, events: entries.flatMap((entry) => entry.events) }
}

/** Returns the error of undici's bodies. Never an AbortError: the SDK takes that for the caller's own abort and reports nothing. */
export function terminated(cause: unknown): TypeError {
  return isTypeError(cause) ? cause : new TypeError('terminated', { cause })
}

/** A thrown value may throw itself when it is inspected. */
function isTypeError(cause: unknown): cause is TypeError {
  try {
    return cause instanceof TypeError
  } catch {
    return false
  }
}
