import type { Cluster, Redis } from 'ioredis'
import { type Fault, ignoreRejection } from '../util/faults.ts'

/** ioredis 5 or 6, standalone or cluster. */
export type RedisClient = Redis | Cluster

/** A connection of ours, or one that the program lends us: that one we neither configure, reconnect nor close. */
export type OpenClient = {
  client: RedisClient
  owned: boolean
  /** Resolves when commands can be sent; the link bounds the wait. Called once. */
  open: () => Promise<void>
  /** Calls back when a connection of ours has been closed, by whichever side. */
  onLost: (listener: () => void) => void
  /** Runs a command. Commands of one turn of the event loop leave in one write. */
  send: <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>
  /** Ends a connection of ours at once, and rejects what it owes. */
  close: () => void
}

/**
 * Each setting answers a measured fault: an unbounded offline queue; commands that wait a minute for a refused
 * connection, or for ever for a hung one; a script sent again after a reset, and so run twice. Timeouts are the link's
 * affair: those of ioredis also fire when this process itself was busy.
 */
const SAFE = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  connectTimeout: 60_000,
  lazyConnect: true,
  // Reconnecting, too: the timers of ioredis would keep a finished program alive.
  retryStrategy: () => null,
} as const

/**
 * `redis://` and `rediss://` addresses; several, separated by commas, are nodes of one cluster.
 * ioredis loads here, at first need: importing the gateway must stay cheap.
 */
export async function connectTo(target: string | RedisClient, fault: Fault): Promise<OpenClient> {
  if (typeof target !== 'string') return borrowed(target)
  const { Cluster, Redis } = await import('ioredis')
  const [address = '', ...more] = target.split(',').map((part) => part.trim())
  const client =
    more.length === 0
      ? new Redis(address, SAFE)
      : new Cluster([address, ...more], {
          enableOfflineQueue: false,
          enableAutoPipelining: true,
          lazyConnect: true,
          clusterRetryStrategy: () => null,
          redisOptions: { ...SAFE, enableAutoPipelining: true, ...secretsOf(address) },
        })
  // Trouble shows in what commands answer; without a listener ioredis prints it as well.
  client.on('error', () => undefined)
  letGo(client, fault)
  return {
    client,
    owned: true,
    open: () => client.connect(),
    onLost: (listener) => void client.once('close', listener),
    send: 'stream' in client ? sendTogether(client) : (command) => command(client),
    close() {
      const nodes = 'nodes' in client ? client.nodes() : [client]
      client.disconnect()
      // A server that hangs does not answer the end of a connection either.
      for (const node of nodes) node.stream?.destroy()
    },
  }
}

function borrowed(client: RedisClient): OpenClient {
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
 * Commands wait in the socket until the microtasks of this moment have run. The pipelines of ioredis, which the nodes of
 * a cluster need, do the same for an object more per batch and a turn of the event loop.
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
      process.nextTick(release)
    }
    return command(client)
  }
}

/** An idle connection must not keep a program from ending. Commands under way do: the link's timers hold it. */
function letGo(client: RedisClient, fault: Fault): void {
  const where = 'a connection to Redis'
  const unref = (node: RedisClient) => {
    const onConnect = () => void ('stream' in node && node.stream.unref())
    node.on('connect', ignoreRejection(onConnect, fault, where))
  }
  unref(client)
  client.on('+node', ignoreRejection(unref, fault, where))
}

/** The nodes that a cluster tells of have the same user, password and encryption as the ones it was found by. */
function secretsOf(address: string) {
  const { username, password, protocol, hostname } = new URL(address)
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: { servername: hostname } } : {}),
  }
}
