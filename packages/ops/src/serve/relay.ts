import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** A reader that takes nothing for this long, with all buffers full, is not reading. */
const STALL_MS = 120_000

/** `cut`: upstream broke off. `left`: the caller did. */
export type End = 'complete' | 'cut' | 'left'

/** A whole answer up to this size leaves in one piece, with its length. */
const MAX_PIECE_BYTES = 256 * 1024

/** Writes an answer at its reader's pace: nothing is read ahead of what the connection takes, but for one piece. */
export async function relay(
  response: Response,
  res: ServerResponse,
  headers: OutgoingHttpHeaders,
  count: (bytes: number) => void,
): Promise<End> {
  if (response.body === null) {
    res.writeHead(response.status, headers)
    res.end()
    return 'complete'
  }
  const reader = response.body.getReader()
  let last: Uint8Array = new Uint8Array(0)
  const early = () => (isLastWord(last) ? 'complete' : 'left')
  const begin = () => {
    res.writeHead(response.status, headers)
    res.flushHeaders()
  }
  try {
    const pieces: Uint8Array[] = []
    // A stream's reader learns that it began before its first word; of other answers the end is what counts.
    for (let room = isStream(response) ? 0 : MAX_PIECE_BYTES; room > 0; ) {
      const { done, value } = await reader.read()
      if (done) {
        const body = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
        res.writeHead(response.status, { ...headers, 'content-length': body.byteLength })
        finish(res, body)
        return 'complete'
      }
      pieces.push(value)
      count(value.byteLength)
      room -= value.byteLength
    }
    begin()
    if (pieces.length > 0) res.write(Buffer.concat(pieces))
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const isFirst = last.byteLength === 0
      last = value
      count(value.byteLength)
      const isTaken = res.write(value)
      // Node holds it back until all that has arrived together is dealt with; a reader waits for the first word.
      if (isFirst) res.socket?.uncork()
      if (!isTaken && !(await drained(res))) break
    }
    if (res.destroyed) return early()
    finish(res)
    return 'complete'
  } catch {
    const end = res.destroyed ? early() : 'cut'
    // The caller must see that this was not the end of the answer, and that there was one: it is not to be asked again.
    if (end === 'cut' && !res.headersSent) begin()
    res.destroy()
    return end
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

const isStream = ({ headers }: Response) => /^text\/event-stream/i.test(headers.get('content-type') ?? '')

/** OpenAI's SDKs hang up as soon as they have heard it. */
const isLastWord = (bytes: Uint8Array) =>
  /^(data: \[DONE\]|event: response\.(completed|incomplete|failed))/m.test(
    Buffer.from(bytes).toString('latin1'),
  )

/** The last of it may still wait for its reader, who must not keep it waiting for ever. */
function finish(res: ServerResponse, body?: Uint8Array): void {
  res.end(body)
  if (!res.writableFinished) void within(res, 'finish')
}

/** False: nobody is there any more. */
async function drained(res: ServerResponse): Promise<boolean> {
  if (!res.destroyed) await within(res, 'drain')
  return !res.destroyed
}

/** Until this happens, or the connection is closed; which it is where nothing happens for long. */
function within(res: ServerResponse, event: 'drain' | 'finish'): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), STALL_MS)
    timer.unref()
    const settle = () => {
      clearTimeout(timer)
      res.off(event, settle)
      res.off('close', settle)
      resolve()
    }
    res.once(event, settle)
    res.once('close', settle)
  })
}
