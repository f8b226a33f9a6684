import type { ByteReader } from './upstream-response.ts'

/** Unread bytes above which the connection is paused, as `fetch` does. */
const HIGH_WATER = 65_536

/** A body that a connection pushes to its reader. */
export type PushBody = ByteReader & {
  /** Returns `false` if the connection must pause until `resume` is called. */
  push: (bytes: Uint8Array) => boolean
  finish: () => void
  fail: (error: unknown) => void
}

export function createPushBody(resume: () => void, stop: (reason: unknown) => void): PushBody {
  let pieces: Uint8Array[] = []
  let held = 0
  let paused = false
  let ended: 'finished' | { error: unknown } | undefined
  let wake: (() => void) | undefined

  function end(how: NonNullable<typeof ended>) {
    ended ??= how
    wake?.()
  }

  /** Returns all unread bytes in one piece, copied: the connection reuses its buffer. */
  function take(): Uint8Array {
    const [first] = pieces
    const bytes = pieces.length === 1 && first !== undefined ? new Uint8Array(first) : joined(pieces, held)
    pieces = []
    held = 0
    if (paused) {
      paused = false
      resume()
    }
    return bytes
  }

  return {
    push(bytes) {
      if (ended !== undefined) return true
      pieces.push(bytes)
      held += bytes.byteLength
      wake?.()
      paused = held >= HIGH_WATER
      return !paused
    },
    finish: () => end('finished'),
    fail: (error) => end({ error }),
    async read() {
      while (held === 0 && ended === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = undefined
      }
      if (held > 0) return { done: false, value: take() }
      if (ended !== undefined && ended !== 'finished') throw ended.error
      return { done: true }
    },
    async cancel(reason) {
      pieces = []
      held = 0
      end('finished')
      stop(reason)
    },
  }
}

function joined(pieces: Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.byteLength
  }
  return bytes
}
