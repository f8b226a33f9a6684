import type { SseEvent } from './sse.ts'

/** What one read from upstream brought: its bytes, and the events they completed. */
export type Entry = { bytes: Uint8Array; events: readonly SseEvent[] }

/** One reader's place, and the bytes it has had. */
export type ReaderPosition = { at: number; had: number; lost: boolean; wake: (() => void) | undefined }

type State = { type: 'open' } | { type: 'closed' } | { type: 'broken'; error: unknown }

export type ChunkLog = ReturnType<typeof createChunkLog>

type Limits = {
  /** Bytes up to which all of it is kept, whatever has been read. */
  keep: number
  /** Bytes that are held for readers that lag behind, while another one goes on. */
  lag: number
}

const FORGOTTEN: Entry = { bytes: new Uint8Array(0), events: [] }

/** So many small entries become one: a body may come byte by byte, and an entry takes more than its bytes. */
const MANY = 1_024
const SMALL = 256

const TOO_FAR: State = { type: 'broken', error: terminated('the reader fell too far behind') }

/**
 * One writer, many readers, each at its own pace. All of it is kept up to `keep` bytes; from there on what a reader has
 * not seen, also one that has not begun. The writer is asked to wait when no reader has kept up to `keep` bytes, and
 * when one lags behind by `lag` bytes. `forgets` is told of what is let go.
 */
export function createChunkLog({ keep, lag }: Limits, forgets: (entry: Entry) => void = () => undefined) {
  let entries: Entry[] = []
  /** The number of the first entry that is kept; of `entries`, those before `gone` are not. */
  let first = 0
  let gone = 0
  let pushed = 0
  let held = 0
  /** Entries since some were made one, and what had been pushed by then. */
  let loose = 0
  let joinedAt = 0
  let state: State = { type: 'open' }
  let roomy: (() => void) | undefined
  const cursors = new Set<ReaderPosition>()

  function wakeAll() {
    for (const cursor of cursors) {
      const wake = cursor.wake
      cursor.wake = undefined
      wake?.()
    }
  }

  const numberOfNext = () => first + entries.length - gone

  function forgetWhatAllHaveRead() {
    let slowest = Number.POSITIVE_INFINITY
    for (const cursor of cursors) slowest = Math.min(slowest, cursor.at)
    if (slowest === Number.POSITIVE_INFINITY || slowest === first) return
    for (; first < slowest; first += 1, gone += 1) {
      const entry = entries[gone] as Entry
      held -= entry.bytes.byteLength
      forgets(entry)
      entries[gone] = FORGOTTEN
    }
    // Not each time: moving up what is left costs as much as there is left.
    if (gone < entries.length / 2) return
    entries = entries.slice(gone)
    gone = 0
  }

  /** Makes one entry of the latest ones, between the places of two readers: each byte is moved once. */
  function join() {
    const end = numberOfNext()
    const begin = Math.max(first, end - MANY)
    const places = new Set([begin, end])
    for (const { at } of cursors) if (at > begin && at < end) places.add(at)
    const bounds = [...places].sort((a, b) => a - b)
    const joined: Entry[] = []
    const moved = new Map<number, number>()
    bounds.forEach((bound, at) => {
      moved.set(bound, begin + at)
      const from = bounds[at - 1]
      if (from !== undefined) joined.push(merged(entries.slice(from - first + gone, bound - first + gone)))
    })
    entries.splice(begin - first + gone, end - begin, ...joined)
    for (const cursor of cursors) cursor.at = moved.get(cursor.at) ?? cursor.at
  }

  function isRoomy() {
    if (held <= keep) return true
    if (held > lag) return false
    for (const cursor of cursors) if (pushed - cursor.had <= keep) return true
    return false
  }

  return {
    push(entry: Entry) {
      entries.push(entry)
      pushed += entry.bytes.byteLength
      held += entry.bytes.byteLength
      wakeAll()
      loose += 1
      if (loose < MANY) return
      if (pushed - joinedAt < MANY * SMALL) join()
      loose = 0
      joinedAt = pushed
    },
    /** Resolves once a reader has read or left; `undefined` when there is room already. */
    room(): Promise<void> | undefined {
      if (held <= keep) return undefined
      forgetWhatAllHaveRead()
      if (isRoomy()) return undefined
      return new Promise((resolve) => {
        roomy = resolve
      })
    },
    /**
     * Gives up those readers that are furthest behind, where another one has had all that came and waits for them.
     * False where there is no reader at all.
     */
    giveUpSlowest(): boolean {
      let slowest = Number.POSITIVE_INFINITY
      for (const cursor of cursors) slowest = Math.min(slowest, cursor.at)
      const isAwaited = slowest < numberOfNext() && [...cursors].some(({ wake }) => wake !== undefined)
      if (isAwaited)
        for (const cursor of cursors)
          if (cursor.at === slowest) {
            cursor.lost = true
            cursors.delete(cursor)
          }
      return cursors.size > 0
    },
    close() {
      if (state.type === 'open') state = { type: 'closed' }
      wakeAll()
    },
    break(error: unknown) {
      if (state.type === 'open') state = { type: 'broken', error }
      wakeAll()
    },
    /** Everything, or `undefined` where it is more than is kept. */
    whole: (): readonly Entry[] | undefined => (first === 0 && pushed <= keep ? entries : undefined),
    /** What is still here, whole or not. */
    kept: (): readonly Entry[] => (gone === 0 ? entries : entries.slice(gone)),
    pushed: () => pushed,
    join(): ReaderPosition {
      const cursor: ReaderPosition = { at: 0, had: 0, lost: false, wake: undefined }
      cursors.add(cursor)
      return cursor
    },
    leave(cursor: ReaderPosition) {
      cursors.delete(cursor)
      cursor.wake = undefined
      roomy?.()
    },
    /** The reader's next entry, or what the log has come to. A reader that joined too late finds it broken. */
    read(cursor: ReaderPosition): Entry | State {
      if (cursor.lost || cursor.at < first) return TOO_FAR
      const entry = entries[cursor.at - first + gone]
      if (entry === undefined) return state
      cursor.at += 1
      cursor.had += entry.bytes.byteLength
      if (held > keep) roomy?.()
      return entry
    },
  }
}

/** One entry that says what these say. */
function merged(entries: readonly Entry[]): Entry {
  const [only] = entries
  if (entries.length === 1 && only !== undefined) return only
  const bytes = Buffer.concat(entries.map((entry) => entry.bytes))
  return { bytes, events: entries.flatMap((entry) => entry.events) }
}

/** What undici's own bodies break with. Never an AbortError: the SDK takes one for the caller's own wish and falls silent. */
export function terminated(cause: unknown): TypeError {
  return isTypeError(cause) ? cause : new TypeError('terminated', { cause })
}

/** Anything may be thrown, such as what cannot be looked at: its readers are told all the same. */
function isTypeError(cause: unknown): cause is TypeError {
  try {
    return cause instanceof TypeError
  } catch {
    return false
  }
}
