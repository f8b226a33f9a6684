import type { Release, View } from '../core/recording.ts'
import { type ChunkLog, type Entry, type ReaderPosition, terminated } from './chunk-log.ts'

/**
 * A stream of bytes that others have, too. A byte stream would detach what it is given; so it becomes one, with a copy of
 * each piece, for those alone who ask to read into memory of their own.
 */
class SharedBytes extends ReadableStream<Uint8Array> {
  override getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader
  override getReader(options?: { mode?: undefined }): ReadableStreamDefaultReader<Uint8Array>
  override getReader(options?: { mode?: 'byob' | undefined }) {
    if (options?.mode !== 'byob') return super.getReader()
    const reader = super.getReader()
    const bytes = new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(new Uint8Array(value))
        controller.close()
        controller.byobRequest?.respond(0)
      },
      cancel: (reason) => reader.cancel(reason),
    })
    return bytes.getReader({ mode: 'byob' })
  }
}

Object.defineProperty(SharedBytes, 'name', { value: 'ReadableStream' })

/** Callers that drop a body unread neither abort nor cancel it; the collector tells us instead. */
const forgotten = new FinalizationRegistry<() => void>((leave) => leave())

/** From where on a reader reads, and what it is shown of an entry. */
type Reading = { log: ChunkLog; cursor: ReaderPosition; render: (entry: Entry) => Uint8Array | undefined }

/**
 * A reader's own stream over the log. It leaves in one of four ways: the end, `cancel()`, its signal, or garbage
 * collection. Only a pending read ties the log to the stream, so that the collector can see an unread one.
 */
export function readerOf(
  { log, cursor, render }: Reading,
  { signal, follows }: Pick<View, 'signal' | 'follows'>,
  leave: Release,
): ReadableStream<Uint8Array> {
  let controllerRef: WeakRef<ReadableStreamDefaultController<Uint8Array>>

  function go(early: boolean) {
    log.leave(cursor)
    signal.removeEventListener('abort', onAbort)
    leave(early)
  }

  function onAbort() {
    const controller = controllerRef.deref()
    go(true)
    controller?.error(signal.reason)
  }

  function serve(controller: ReadableStreamDefaultController<Uint8Array>) {
    for (;;) {
      const next = log.read(cursor)
      if ('bytes' in next) {
        const bytes = render(next)
        if (bytes === undefined) continue
        controller.enqueue(bytes)
        return
      }
      if (next.type === 'open') {
        cursor.wake = () => serve(controller)
        return
      }
      go(next.type === 'broken')
      if (next.type === 'broken') controller.error(follows ? terminated(next.error) : next.error)
      else controller.close()
      return
    }
  }

  // No high-water mark: nothing is pulled before the first read.
  const stream = new SharedBytes(
    {
      start(controller) {
        controllerRef = new WeakRef(controller)
      },
      pull: serve,
      cancel: () => go(true),
    },
    { highWaterMark: 0 },
  )
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  forgotten.register(stream, () => go(true))
  return stream
}
