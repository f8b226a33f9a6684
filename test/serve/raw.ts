import { connect, type Socket } from 'node:net'

/** What came back over a bare connection, until the server closed it or fell silent. */
export type Raw = { text: string; statuses: number[]; closed: boolean }

/** Sends bytes as they are, without an HTTP client's good manners. */
export async function send(
  port: number,
  pieces: Iterable<string | Uint8Array>,
  { firstMs = 5_000, silenceMs = 150, endAfter = false } = {},
): Promise<Raw> {
  const socket = await connected(port)
  const raw: Raw = { text: '', statuses: [], closed: false }
  const over = Promise.withResolvers<void>()
  let silence: NodeJS.Timeout | undefined
  const wait = () => {
    clearTimeout(silence)
    silence = setTimeout(over.resolve, raw.text === '' ? firstMs : silenceMs)
  }
  socket.on('data', (data) => {
    raw.text += data.toString('latin1')
    wait()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    raw.closed = true
    over.resolve()
  })
  for (const piece of pieces) {
    if (socket.destroyed) break
    if (!socket.write(piece))
      await new Promise<void>((resolve) => {
        socket.once('drain', resolve)
        socket.once('close', () => resolve())
      })
  }
  if (endAfter) socket.end()
  wait()
  await over.promise
  clearTimeout(silence)
  socket.destroy()
  raw.statuses = [...raw.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
  return raw
}

export function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })
}
