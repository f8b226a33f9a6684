import type { Redis } from 'ioredis'
import { backoffMs } from '../util/backoff.ts'
import { attempt, detached, ignoreRejection } from '../util/faults.ts'
import { clearTimer, setRepeating, setTimer } from '../util/timers.ts'
import type { RedisConnection } from './connection.ts'
import { primariesOf } from './nodes.ts'
import { sharedConnectionOf } from './pool.ts'

const RETRY = { min: 50, max: 2_000 }
const SUBSCRIPTION = 'a channel of Redis'

/**
 * Milliseconds between pings: a connection dropped on the way shows no error. After two pings without an answer it
 * counts as broken, so that messages are lost unnoticed for at most three times this interval.
 */
const PING_MS = 3_000

export type RedisSubscription = {
  /** False while the connection is being made, or made anew. */
  isListening: () => boolean
  close: () => void
}

type Handlers = { onMessage: (message: string) => void; onListening: () => void }
/** One subscription, and whether the server has confirmed it (`confirmed`). */
type Subscription = Handlers & { channel: string; confirmed: boolean }

/** One subscriber per connection: all channels share it. */
const subscribers = new WeakMap<RedisConnection, Subscriber>()

/**
 * Subscribes to a channel, over a separate connection that does not keep the process alive. A connection that breaks
 * or falls silent is made anew; `onListening` is called each time, since messages sent meanwhile are lost.
 */
export function subscribe(parent: RedisConnection, channel: string, handlers: Handlers): RedisSubscription {
  const root = sharedConnectionOf(parent)
  const subscriber = subscribers.get(root) ?? createSubscriber(root)
  subscribers.set(root, subscriber)
  const subscription = { ...handlers, channel, confirmed: false }
  subscriber.add(subscription)
  return {
    isListening: () => subscription.confirmed,
    close: () => subscriber.remove(subscription),
  }
}

type Subscriber = ReturnType<typeof createSubscriber>

function createSubscriber(parent: RedisConnection) {
  const { fault } = parent
  const subscriptions = new Set<Subscription>()
  let connection: Redis | undefined
  let ready = false
  let connecting = false
  let retry: NodeJS.Timeout | undefined
  let attempts = 0
  let pingTimer: NodeJS.Timeout | undefined

  async function connect() {
    connecting = true
    let redis: Redis | undefined
    try {
      redis = await parent.run(async (client) => subscriberOf(client))
      if (subscriptions.size === 0) return redis.disconnect()
      await use(redis)
      attempts = 0
    } catch {
      if (connection === undefined) reconnectLater()
      else if (connection === redis) redis.disconnect()
    } finally {
      connecting = false
    }
  }

  async function use(redis: Redis) {
    connection = redis
    // A dropped connection may end long after another has replaced it.
    const ended = () => {
      if (connection === redis) reconnectLater()
    }
    redis.on(
      'connect',
      ignoreRejection(() => redis.stream.unref(), fault, SUBSCRIPTION),
    )
    redis.on('error', () => undefined)
    redis.on('message', ignoreRejection(onMessage, fault, SUBSCRIPTION))
    // Reconnects even after a fault.
    redis.once('end', attempt.bind(undefined, ended, fault, SUBSCRIPTION, ended))
    await redis.connect()
    ready = true
    startPinging(redis)
    await Promise.all([...subscriptions].map(subscribe))
  }

  /**
   * Timers run before incoming data is read: after a pause of this process, one more turn shows that there was no
   * silence.
   */
  function startPinging(redis: Redis) {
    let unanswered = 0
    clearTimer(pingTimer)
    const ask = () => {
      if (unanswered >= 2) return drop(redis)
      unanswered += 1
      const answered = redis.ping().then(
        () => {
          unanswered = 0
        },
        () => undefined,
      )
      detached(answered, fault, SUBSCRIPTION)
    }
    pingTimer = setRepeating(ignoreRejection(ask, fault, SUBSCRIPTION), PING_MS)
    pingTimer.unref()
  }

  /** Destroys the socket: if the other end is gone, closing it normally takes minutes. */
  function drop(redis: Redis) {
    clearTimer(pingTimer)
    redis.disconnect()
    redis.stream?.destroy()
    reconnectLater()
  }

  function onMessage(channel: string, message: string) {
    for (const subscription of subscriptions)
      if (subscription.channel === channel)
        attempt(() => subscription.onMessage(message), fault, SUBSCRIPTION)
  }

  async function subscribe(subscription: Subscription) {
    await connection?.subscribe(subscription.channel)
    if (!ready || !subscriptions.has(subscription)) return
    subscription.confirmed = true
    subscription.onListening()
  }

  function reconnectLater() {
    clearTimer(pingTimer)
    connection?.removeAllListeners('message')
    connection = undefined
    ready = false
    for (const subscription of subscriptions) subscription.confirmed = false
    if (subscriptions.size === 0 || retry !== undefined) return
    retry = setTimer(attempt, backoffMs(attempts + 1, RETRY), reconnect, fault, SUBSCRIPTION, reconnect)
    retry.unref()
    attempts += 1
  }

  function reconnect() {
    retry = undefined
    attempt(connect, fault, SUBSCRIPTION, reconnectLater)
  }

  return {
    add(subscription: Subscription) {
      subscriptions.add(subscription)
      if (ready) subscribe(subscription).catch(() => connection?.disconnect())
      else if (!connecting && retry === undefined && connection === undefined)
        attempt(connect, fault, SUBSCRIPTION, reconnectLater)
    },
    remove(subscription: Subscription) {
      subscriptions.delete(subscription)
      subscription.confirmed = false
      const isLastOfChannel = ![...subscriptions].some(({ channel }) => channel === subscription.channel)
      if (subscriptions.size === 0) {
        clearTimer(retry)
        clearTimer(pingTimer)
        retry = undefined
        connection?.disconnect()
      } else if (ready && isLastOfChannel)
        connection?.unsubscribe(subscription.channel).catch(() => undefined)
    },
  }
}

/** In a cluster every node forwards every message, so that one subscription is enough. */
function subscriberOf(client: Parameters<Parameters<RedisConnection['run']>[0]>[0]): Redis {
  const nodes = primariesOf(client)
  const node = nodes[Math.floor(Math.random() * nodes.length)]
  if (node === undefined) throw new Error('the cluster has no primary')
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
