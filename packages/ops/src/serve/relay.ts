import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** A reader that takes nothing for this long, with all buffers full, is not reading. */
const STALL_MS = 120_000

/** `cut`: upstream broke off. `left`: the caller did. */
export type End = 'complete' | 'cut' | 'left'

/** Writes an answer at its reader's pace: nothing is read ahead of what the connection takes. */
export async function relay(
  response: Response,
  res: ServerResponse,
  headers: OutgoingHttpHeaders,
  count: (bytes: number) => void,
): Promise<End> {
  res.writeHead(response.status, headers)
  if (response.body === null) {
    res.end()
    return 'complete'
  }
  // A stream's reader learns that it began before its first word.
  res.flushHeaders()
  const reader = response.body.getReader()
  let last: Uint8Array = new Uint8Array(0)
  const early = () => (isLastWord(last) ? 'complete' : 'left')
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      last = value
      count(value.byteLength)
      if (!res.write(value) && !(await drained(res))) break
    }
    if (res.destroyed) return early()
    res.end()
    return 'complete'
  } catch {
    const end = res.destroyed ? early() : 'cut'
    // The caller must see that this was not the end of the answer.
    res.destroy()
    return end
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

/** OpenAI's SDKs hang up as soon as they have heard it. */
const isLastWord = (bytes: Uint8Array) =>
  /^(data: \[DONE\]|event: response\.(completed|incomplete|failed))/m.test(
    Buffer.from(bytes).toString('latin1'),
  )

/** False: nobody is there any more. */
function drained(res: ServerResponse): Promise<boolean> {
  if (res.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), STALL_MS)
    timer.unref()
    const settle = () => {
      clearTimeout(timer)
      res.off('drain', settle)
      res.off('close', settle)
      resolve(!res.destroyed)
    }
    res.once('drain', settle)
    res.once('close', settle)
  })
}
