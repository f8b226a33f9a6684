import type { Cluster, Redis } from 'ioredis'
import { type Fault, ignoreRejection } from '../util/faults.ts'
import { loadDependency } from '../util/load-package.ts'

/** Captured before a test replaces it. */
const { nextTick } = process

/** ioredis 5 or 6, standalone or cluster. */
export type RedisClient = Redis | Cluster

/** An ioredis client that the program lends, of version 5 or 6: what the types of both have in common, and no other client has. */
export type IoredisClient = {
  readonly status: string
  readonly isCluster: boolean
  defineCommand: (...args: never[]) => unknown
  disconnect: () => void
}

/**
 * An open client. `owned`: created here. A client lent by the program is never configured, reconnected or closed
 * here.
 */
export type OpenClient = {
  client: RedisClient
  owned: boolean
  /** Resolves when commands can be sent; the caller bounds the wait. Called once. */
  open: () => Promise<void>
  /** Calls back when an owned connection was closed, by either side. */
  onLost: (listener: () => void) => void
  /** Runs a command. Commands of one turn of the event loop leave in one write. */
  send: <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>
  /** Closes an owned connection at once and rejects its pending replies. */
  close: () => void
}

/**
 * Each setting prevents a measured fault: an unbounded offline queue; commands that wait a minute for a refused
 * connection, or for ever for a hung one; a script sent again after a reset, and so run twice. Timeouts are set by
 * the caller: those of ioredis also fire when this process itself was busy.
 */
const CLIENT_OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  connectTimeout: 60_000,
  // Its timer outlives a refused connection, and would keep a finished program alive. `close` destroys the socket itself.
  disconnectTimeout: 0,
  lazyConnect: true,
  // No reconnecting either: the timers of ioredis would keep a finished program alive.
  retryStrategy: () => null,
} as const

/**
 * Connects to `redis://` or `rediss://` addresses; several, separated by commas, are nodes of one cluster. ioredis is
 * loaded on first use, so that importing the gateway stays cheap.
 */
export async function connectTo(target: string | IoredisClient, fault: Fault): Promise<OpenClient> {
  if (typeof target !== 'string') return borrowClient(target)
  const { Cluster, Redis } = await loadDependency('ioredis', 'Redis', () => import('ioredis'))
  const [address = '', ...more] = target.split(',').map((part) => part.trim())
  const client =
    more.length === 0
      ? new Redis(address, CLIENT_OPTIONS)
      : new Cluster([address, ...more], {
          enableOfflineQueue: false,
          enableAutoPipelining: true,
          lazyConnect: true,
          clusterRetryStrategy: () => null,
          redisOptions: { ...CLIENT_OPTIONS, enableAutoPipelining: true, ...credentialsOf(address) },
        })
  // Errors show in the replies of commands; without a listener ioredis prints them as well.
  client.on('error', () => undefined)
  unrefSockets(client, fault)
  return {
    client,
    owned: true,
    open: () => client.connect(),
    onLost: (listener) => void client.once('close', listener),
    send: 'stream' in client ? sendTogether(client) : (command) => command(client),
    close() {
      const nodes = 'nodes' in client ? client.nodes() : [client]
      client.disconnect()
      // A hung server does not answer the end of a connection either.
      for (const node of nodes) node.stream?.destroy()
    },
  }
}

function borrowClient(lent: IoredisClient): OpenClient {
  const client = lent as RedisClient
  return {
    client,
    owned: false,
    open: () => Promise.resolve(),
    onLost: () => undefined,
    send: (command) => command(client),
    close: () => undefined,
  }
}

/**
 * Holds commands in the socket until the microtasks of this turn have run. The pipelines of ioredis, which cluster
 * nodes need, do the same at the cost of one more object per batch and one turn of the event loop.
 */
function sendTogether(client: Redis): OpenClient['send'] {
  let corked: Redis['stream'] | undefined
  const release = () => {
    corked?.uncork()
    corked = undefined
  }
  return (command) => {
    if (corked === undefined) {
      corked = client.stream
      corked.cork()
      nextTick(release)
    }
    return command(client)
  }
}

/** Unrefs the socket: an idle connection must not keep a program alive. Running commands do, by the caller's timers. */
function unrefSockets(client: RedisClient, fault: Fault): void {
  const where = 'a connection to Redis'
  const unref = (node: RedisClient) => {
    const onConnect = () => void ('stream' in node && node.stream.unref())
    node.on('connect', ignoreRejection(onConnect, fault, where))
  }
  unref(client)
  client.on('+node', ignoreRejection(unref, fault, where))
}

/** Nodes found through a cluster use the same user, password and encryption as its first address. */
function credentialsOf(address: string) {
  const { username, password, protocol, hostname } = new URL(address)
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: { servername: hostname } } : {}),
  }
}
