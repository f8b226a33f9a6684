import { connect, type Socket } from 'node:net'

/** One answer, as it came over the wire; times in milliseconds since it was asked. */
export type Answer = { head: string; firstMs: number; ms: number }

export type Wire = { ask: (request: string) => Promise<Answer>; close: () => void }

/**
 * HTTP/1.1 over one connection, one request at a time, and no more than that: a real client would take more of the two
 * cores than what is to be measured. An answer is over where its length or its last chunk says so.
 */
export async function dial(port: number): Promise<Wire> {
  let waiting: { settle: (answer: Answer) => void; fail: (error: Error) => void } | undefined
  let startedAt = 0
  let firstMs = 0
  let text = ''
  let end = 0
  let socket = await open()

  async function open(): Promise<Socket> {
    const socket = await connected(port)
    socket.setEncoding('latin1')
    socket.on('data', take)
    socket.on('error', broken)
    socket.on('close', () => broken())
    return socket
  }

  function take(piece: string): void {
    text += piece
    const body = text.indexOf('\r\n\r\n') + 4
    if (body < 4) return
    if (end === 0) end = endOf(text.slice(0, body), body)
    // The first of the body: of a stream, its first word.
    if (firstMs === 0 && text.length > body) firstMs = performance.now() - startedAt
    if (end > 0 ? text.length < end : !text.endsWith('\r\n0\r\n\r\n')) return
    const { settle } = waiting ?? {}
    waiting = undefined
    settle?.({ head: text.slice(0, body), firstMs, ms: performance.now() - startedAt })
  }

  function broken(error?: Error): void {
    waiting?.fail(error ?? new Error(`closed after ${text.length} bytes`))
    waiting = undefined
  }

  return {
    async ask(request) {
      // Servers close what has been idle for a while.
      if (socket.destroyed || !socket.writable) socket = await open()
      return await new Promise((settle, fail) => {
        waiting = { settle, fail }
        text = ''
        firstMs = 0
        end = 0
        startedAt = performance.now()
        socket.write(request)
      })
    },
    close: () => socket.destroy(),
  }
}

/** Below zero: in chunks. */
function endOf(head: string, body: number): number {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  return length === undefined ? -1 : body + Number(length)
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}
