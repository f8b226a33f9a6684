import { connect, createServer, type Socket } from 'node:net'

/** One address in front of several servers, as a provider has it: what is behind it may change. */
export async function startFront(port: number): Promise<{
  url: string
  /** Fails over: disconnects all clients, which find the other server at the same address. */
  switchTo: (port: number) => void
  close: () => void
}> {
  let target = port
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const behind = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    switchTo(port) {
      target = port
      cut()
    },
    close() {
      server.close()
      cut()
    },
  }
}
