import type { Release, View } from '../core/recording.ts'
import { type ChunkLog, type Entry, type ReaderPosition, terminated } from './chunk-log.ts'

/**
 * A stream over bytes that other readers share. A byte stream detaches its chunks: one is created, with a copy of each chunk,
 * only for readers of mode `byob`.
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

/** Releases the positions of bodies that were garbage collected unread: their callers neither abort nor cancel them. */
const collected = new FinalizationRegistry<() => void>((release) => release())

/** Position of a reader in a log, and the bytes it is shown of an entry. */
type Reading = { log: ChunkLog; position: ReaderPosition; render: (entry: Entry) => Uint8Array | undefined }

/**
 * Creates a reader's stream over the log. Its position is released at the end, by `cancel()`, by its signal, or by garbage
 * collection. Only a pending read makes the log refer to the stream, so that an unread one can be collected.
 */
export function readerOf(
  { log, position, render }: Reading,
  { signal, follows }: Pick<View, 'signal' | 'follows'>,
  release: Release,
): ReadableStream<Uint8Array> {
  let controllerRef: WeakRef<ReadableStreamDefaultController<Uint8Array>>

  function finish(early: boolean) {
    log.release(position)
    signal.removeEventListener('abort', onAbort)
    release(early)
  }

  function onAbort() {
    const controller = controllerRef.deref()
    finish(true)
    // As `fetch`, which takes a reason such as `null` for none. Source: undici, `abortFetch`.
    controller?.error(signal.reason || new DOMException('The operation was aborted.', 'AbortError'))
  }

  function serve(controller: ReadableStreamDefaultController<Uint8Array>) {
    for (;;) {
      const next = log.read(position)
      if ('bytes' in next) {
        const bytes = render(next)
        if (bytes === undefined) continue
        controller.enqueue(bytes)
        return
      }
      if (next.type === 'open') {
        position.wake = () => serve(controller)
        return
      }
      finish(next.type === 'broken')
      if (next.type === 'broken') controller.error(follows ? terminated(next.error) : next.error)
      else controller.close()
      return
    }
  }

  // High-water mark 0: nothing is pulled before the first read.
  const stream = new SharedBytes(
    {
      start(controller) {
        controllerRef = new WeakRef(controller)
      },
      pull: serve,
      cancel: () => finish(true),
    },
    { highWaterMark: 0 },
  )
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  collected.register(stream, () => finish(true))
  return stream
}
