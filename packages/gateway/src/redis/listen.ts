import type { Redis } from 'ioredis'
import type { Link } from './link.ts'
import { mastersOf } from './masters.ts'

const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000

export type Listener = {
  /** False while the connection is being made, or made anew. */
  isListening: () => boolean
  close: () => void
}

/**
 * Hears what any process publishes on a channel, over one connection of its own, which keeps no program alive. A
 * connection that breaks is made anew; `onListening` is told each time, since what was said meanwhile is lost.
 */
export function listen(
  link: Link,
  channel: string,
  { onMessage, onListening }: { onMessage: (message: string) => void; onListening: () => void },
): Listener {
  let ear: Redis | undefined
  let closed = false
  let retry: NodeJS.Timeout | undefined
  let tries = 0
  let listening = false

  async function begin() {
    try {
      const own = await link.ask(async (client) => earOf(client))
      if (closed) return own.disconnect()
      ear = own
      own.on('connect', () => own.stream.unref())
      own.on('error', () => undefined)
      own.on('message', (_, message: string) => onMessage(message))
      own.once('end', again)
      await own.connect()
      await own.subscribe(channel)
      tries = 0
      listening = true
      onListening()
    } catch {
      if (ear === undefined) again()
      else ear.disconnect()
    }
  }

  function again() {
    ear?.removeAllListeners('message')
    ear = undefined
    listening = false
    if (closed || retry !== undefined) return
    const patience = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** tries)
    tries += 1
    retry = setTimeout(
      () => {
        retry = undefined
        void begin()
      },
      patience * (0.5 + Math.random() / 2),
    )
    retry.unref()
  }

  void begin()
  return {
    isListening: () => listening,
    close() {
      closed = true
      listening = false
      clearTimeout(retry)
      ear?.disconnect()
    },
  }
}

/** In a cluster every node passes every message on, so that one of them is enough to hear. */
function earOf(client: Parameters<Parameters<Link['ask']>[0]>[0]): Redis {
  const nodes = mastersOf(client)
  const node = nodes[Math.floor(Math.random() * nodes.length)]
  if (node === undefined) throw new Error('the cluster has no master')
  return node.duplicate({
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    retryStrategy: () => null,
    reconnectOnError: null,
  })
}
