import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const brokenByFake = new WeakSet<ServerResponse>()

/** Tells whether the fake broke the connection, in contrast to the client. */
export const wasBrokenByFake = (res: ServerResponse): boolean => brokenByFake.has(res)

/** Breaks the connection of a response: `cut` closes it, `reset` sends a TCP reset. */
export function breakConnection(res: ServerResponse, how: 'cut' | 'reset'): void {
  brokenByFake.add(res)
  if (how === 'reset') res.socket?.resetAndDestroy()
  else res.socket?.destroy()
}

/** Resolves when the exchange is over: the answer was sent, or a side closed the connection. */
export const whenClosed = (res: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    if (res.destroyed) resolve()
    else res.once('close', resolve)
  })

/** Resolves after `ms` milliseconds. The timer keeps no process alive. */
export const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false })
