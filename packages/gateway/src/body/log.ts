import type { SseEvent } from './sse.ts'

/** What one read from upstream brought: its bytes, and the events they completed. */
export type Entry = { bytes: Uint8Array; events: readonly SseEvent[] }

/** One reader's place. It counts as reading from its first pull: who never pulls holds nobody up. */
export type Cursor = { at: number; pulling: boolean; wake: (() => void) | undefined }

type State = { type: 'open' } | { type: 'closed' } | { type: 'broken'; error: unknown }

export type Log = ReturnType<typeof createLog>

/** Bytes that an entry takes besides its own: a body may come byte by byte. */
const OVERHEAD = 128

const sizeOf = ({ bytes }: Entry) => bytes.byteLength + OVERHEAD

const FORGOTTEN: Entry = { bytes: new Uint8Array(0), events: [] }

/**
 * One writer, many readers, each at its own pace. All of it is kept up to `cap` bytes; from there on only what
 * the slowest reading reader has not seen, and the writer is asked to wait. `forgets` is told of what is let go.
 */
export function createLog(cap: number, forgets: (entry: Entry) => void = () => undefined) {
  let entries: Entry[] = []
  /** The number of the first entry that is kept; of `entries`, those before `gone` are not. */
  let first = 0
  let gone = 0
  let held = 0
  let state: State = { type: 'open' }
  let roomy: (() => void) | undefined
  const cursors = new Set<Cursor>()

  function wakeAll() {
    for (const cursor of cursors) {
      const wake = cursor.wake
      cursor.wake = undefined
      wake?.()
    }
  }

  function forgetWhatAllHaveRead() {
    let slowest = Number.POSITIVE_INFINITY
    for (const cursor of cursors) if (cursor.pulling) slowest = Math.min(slowest, cursor.at)
    if (slowest === Number.POSITIVE_INFINITY || slowest === first) return
    for (; first < slowest; first += 1, gone += 1) {
      const entry = entries[gone] as Entry
      held -= sizeOf(entry)
      forgets(entry)
      entries[gone] = FORGOTTEN
    }
    // Not each time: moving up what is left costs as much as there is left.
    if (gone < entries.length / 2) return
    entries = entries.slice(gone)
    gone = 0
  }

  return {
    push(entry: Entry) {
      entries.push(entry)
      held += sizeOf(entry)
      wakeAll()
    },
    /** Resolves once a reader has made room; `undefined` when there is room already. */
    room(): Promise<void> | undefined {
      if (held <= cap) return undefined
      forgetWhatAllHaveRead()
      if (held <= cap) return undefined
      return new Promise((resolve) => {
        roomy = resolve
      })
    },
    close() {
      if (state.type === 'open') state = { type: 'closed' }
      wakeAll()
    },
    break(error: unknown) {
      if (state.type === 'open') state = { type: 'broken', error }
      wakeAll()
    },
    /** Everything, or `undefined` once the beginning has been let go. */
    whole: (): readonly Entry[] | undefined => (first === 0 ? entries : undefined),
    /** What is still here, whole or not. */
    kept: (): readonly Entry[] => (gone === 0 ? entries : entries.slice(gone)),
    forgotten: () => first,
    join(): Cursor {
      const cursor: Cursor = { at: 0, pulling: false, wake: undefined }
      cursors.add(cursor)
      return cursor
    },
    leave(cursor: Cursor) {
      cursors.delete(cursor)
      cursor.wake = undefined
      roomy?.()
    },
    /** The reader's next entry, or what the log has come to. A reader that pulled too late finds it broken. */
    read(cursor: Cursor): Entry | State {
      cursor.pulling = true
      if (cursor.at < first) return { type: 'broken', error: terminated('the reader fell too far behind') }
      const entry = entries[cursor.at - first + gone]
      if (entry === undefined) return state
      cursor.at += 1
      if (held > cap) roomy?.()
      return entry
    },
  }
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
