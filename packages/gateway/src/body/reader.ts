import type { View } from '../call.ts'
import { type Entry, type Log, terminated } from './log.ts'
import type { Leave } from './recording.ts'

/** Callers that drop a body unread neither abort nor cancel it; the collector tells us instead. */
const forgotten = new FinalizationRegistry<() => void>((leave) => leave())

/**
 * A reader's own stream over the log. It leaves in one of four ways: the end, `cancel()`, its signal, or garbage
 * collection. Only a pending read ties the log to the stream, so that the collector can see an unread one.
 */
export function readerOf(
  log: Log,
  render: (entry: Entry) => Uint8Array | undefined,
  { signal, follows }: Pick<View, 'signal' | 'follows'>,
  leave: Leave,
): ReadableStream<Uint8Array> {
  const cursor = log.join()
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

  // No high-water mark: nothing is pulled before somebody reads. Not a byte stream: those detach what they are
  // given, and what we give is shared.
  const stream = new ReadableStream<Uint8Array>(
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
