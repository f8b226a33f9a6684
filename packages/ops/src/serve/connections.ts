import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Makes every response of `server` emit `close` once its connection is gone. Node emits it only for the response that a
 * connection is busy with: those of pipelined requests behind it would be waited for forever, and upstream with them.
 *
 * @returns a function to call with each response when its request arrives
 */
export function closeWithConnection(server: Server): (res: ServerResponse) => void {
  const responsesOn = new WeakMap<Socket, Set<ServerResponse>>()
  server.on('connection', (socket) => {
    const responses = new Set<ServerResponse>()
    responsesOn.set(socket, responses)
    socket.once('close', () => {
      for (const res of responses) if (res.socket === null) closeUnsent(res)
    })
  })
  return function watch(res) {
    const responses = responsesOn.get(res.req.socket)
    responses?.add(res)
    res.once('close', () => responses?.delete(res))
    // The connection may have closed with its requests still to be handed over.
    if (res.req.socket.destroyed && res.socket === null) process.nextTick(closeUnsent, res)
  }
}

/** Ends a response that was never given its connection. */
function closeUnsent(res: ServerResponse): void {
  res.destroy()
  res.emit('close')
}
