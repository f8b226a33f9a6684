import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** A client that reads no byte for this long, while all buffers are full, is disconnected. */
const STALL_TIMEOUT_MS = 120_000

/** `failed`: upstream broke off. `aborted`: the client disconnected. */
export type RelayOutcome = 'complete' | 'failed' | 'aborted'

/** A whole body up to this size is buffered and sent at once with its `content-length`. */
const MAX_BUFFERED_BYTES = 256 * 1024

/**
 * Sends a response to the client with back-pressure: at most one chunk is read ahead of what the connection takes.
 *
 * @param count is called with the size of each chunk read, in bytes
 */
export async function relay(
  response: Response,
  res: ServerResponse,
  headers: OutgoingHttpHeaders,
  count: (bytes: number) => void,
): Promise<RelayOutcome> {
  if (response.body === null) {
    res.writeHead(response.status, headers)
    res.end()
    return 'complete'
  }
  const reader = response.body.getReader()
  let lastChunk: Uint8Array = new Uint8Array(0)
  const outcomeAfterDisconnect = () => (isTerminalEvent(lastChunk) ? 'complete' : 'aborted')
  const sendHead = () => {
    res.writeHead(response.status, headers)
    res.flushHeaders()
  }
  try {
    const chunks: Uint8Array[] = []
    // A stream's head is sent at once; other bodies are buffered first, for their length.
    for (let remaining = isStream(response) ? 0 : MAX_BUFFERED_BYTES; remaining > 0; ) {
      const { done, value } = await reader.read()
      if (done) {
        const body = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
        res.writeHead(response.status, { ...headers, 'content-length': body.byteLength })
        endResponse(res, body)
        return 'complete'
      }
      chunks.push(value)
      count(value.byteLength)
      remaining -= value.byteLength
    }
    sendHead()
    if (chunks.length > 0) res.write(Buffer.concat(chunks))
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const isFirst = lastChunk.byteLength === 0
      lastChunk = value
      count(value.byteLength)
      const isTaken = res.write(value)
      // Node corks a socket until the current tick ends, which would delay the first chunk.
      if (isFirst) res.socket?.uncork()
      if (!isTaken && !(await waitForDrain(res))) break
    }
    if (res.destroyed) return outcomeAfterDisconnect()
    endResponse(res)
    return 'complete'
  } catch {
    const outcome = res.destroyed ? outcomeAfterDisconnect() : 'failed'
    // With its head sent, a broken response is an error in mid-body: the SDK does not retry it.
    if (outcome === 'failed' && !res.headersSent) sendHead()
    res.destroy()
    return outcome
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

const isStream = ({ headers }: Response) => /^text\/event-stream/i.test(headers.get('content-type') ?? '')

/** Tells whether a chunk holds a stream's last event. OpenAI's SDKs disconnect as soon as they have read it. */
const isTerminalEvent = (bytes: Uint8Array) =>
  /^(data: \[DONE\]|event: response\.(completed|incomplete|failed))/m.test(
    Buffer.from(bytes).toString('latin1'),
  )

/** Ends a response, and limits the time in which the client must read what is still buffered. */
function endResponse(res: ServerResponse, body?: Uint8Array): void {
  res.end(body)
  if (!res.writableFinished) void waitForEvent(res, 'finish')
}

/** Resolves once the connection takes more; with `false` where it is closed. */
async function waitForDrain(res: ServerResponse): Promise<boolean> {
  if (!res.destroyed) await waitForEvent(res, 'drain')
  return !res.destroyed
}

/** Resolves at the event or when the connection closes. Destroys the connection after `STALL_TIMEOUT_MS`. */
function waitForEvent(res: ServerResponse, event: 'drain' | 'finish'): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), STALL_TIMEOUT_MS)
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
