import type { Redis } from 'ioredis'
import { attempt, detached, ignoreRejection } from '../util/faults.ts'
import { clearTimer, setRepeating, setTimer } from '../util/timers.ts'
import type { RedisConnection } from './connection.ts'
import { primariesOf } from './nodes.ts'
import { sharedConnectionOf } from './pool.ts'

const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000
const EAR = 'a channel of Redis'

/**
 * How often the server is asked whether it is still there: a connection that was dropped on the way says nothing of it.
 * After two questions without an answer it counts as broken, so that nothing that was said can go unheard for longer than
 * three times as long, and be relied on.
 */
const PING_MS = 3_000

export type RedisSubscription = {
  /** False while the connection is being made, or made anew. */
  isListening: () => boolean
  close: () => void
}

type Handlers = { onMessage: (message: string) => void; onListening: () => void }
/** One channel of an ear, and whether the server knows that we listen to it. */
type Subscription = Handlers & { channel: string; on: boolean }

/** One for each link: who listens to another channel shares the connection. */
const subscribers = new WeakMap<RedisConnection, Subscriber>()

/**
 * Hears what any process publishes on a channel, over a connection apart from the link's own, which keeps no program
 * alive. A connection that breaks, or falls silent, is made anew; `onListening` is told each time, since what was said
 * meanwhile is lost.
 */
export function subscribe(link: RedisConnection, channel: string, handlers: Handlers): RedisSubscription {
  const root = sharedConnectionOf(link)
  const ear = subscribers.get(root) ?? createSubscriber(root)
  subscribers.set(root, ear)
  const subscription = { ...handlers, channel, on: false }
  ear.add(subscription)
  return {
    isListening: () => subscription.on,
    close: () => ear.remove(subscription),
  }
}

type Subscriber = ReturnType<typeof createSubscriber>

function createSubscriber(link: RedisConnection) {
  const { fault } = link
  const subscriptions = new Set<Subscription>()
  let connection: Redis | undefined
  let ready = false
  let beginning = false
  let retry: NodeJS.Timeout | undefined
  let tries = 0
  let heart: NodeJS.Timeout | undefined

  async function begin() {
    beginning = true
    let own: Redis | undefined
    try {
      own = await link.run(async (client) => subscriberOf(client))
      if (subscriptions.size === 0) return own.disconnect()
      await use(own)
      tries = 0
    } catch {
      if (connection === undefined) again()
      else if (connection === own) own.disconnect()
    } finally {
      beginning = false
    }
  }

  async function use(own: Redis) {
    connection = own
    // One that was dropped may end long after another has taken its place.
    const ended = () => {
      if (connection === own) again()
    }
    own.on(
      'connect',
      ignoreRejection(() => own.stream.unref(), fault, EAR),
    )
    own.on('error', () => undefined)
    own.on('message', ignoreRejection(hear, fault, EAR))
    // It must not stay deaf.
    own.once('end', attempt.bind(undefined, ended, fault, EAR, ended))
    await own.connect()
    ready = true
    beat(own)
    await Promise.all([...subscriptions].map(subscribe))
  }

  /** Timers come before what has arrived: after a pause of this process, one more turn shows that it was no silence. */
  function beat(own: Redis) {
    let unanswered = 0
    clearTimer(heart)
    const ask = () => {
      if (unanswered >= 2) return drop(own)
      unanswered += 1
      const answered = own.ping().then(
        () => {
          unanswered = 0
        },
        () => undefined,
      )
      detached(answered, fault, EAR)
    }
    heart = setRepeating(ignoreRejection(ask, fault, EAR), PING_MS)
    heart.unref()
  }

  /** The other end may be gone: who waits for its farewell waits for minutes. */
  function drop(own: Redis) {
    clearTimer(heart)
    own.disconnect()
    own.stream?.destroy()
    again()
  }

  function hear(channel: string, message: string) {
    for (const subscription of subscriptions)
      if (subscription.channel === channel) attempt(() => subscription.onMessage(message), fault, EAR)
  }

  async function subscribe(subscription: Subscription) {
    await connection?.subscribe(subscription.channel)
    if (!ready || !subscriptions.has(subscription)) return
    subscription.on = true
    subscription.onListening()
  }

  function again() {
    clearTimer(heart)
    connection?.removeAllListeners('message')
    connection = undefined
    ready = false
    for (const subscription of subscriptions) subscription.on = false
    if (subscriptions.size === 0 || retry !== undefined) return
    const patience = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** tries)
    tries += 1
    retry = setTimer(attempt, patience * (0.5 + Math.random() / 2), tryAgain, fault, EAR, tryAgain)
    retry.unref()
  }

  function tryAgain() {
    retry = undefined
    attempt(begin, fault, EAR, again)
  }

  return {
    add(subscription: Subscription) {
      subscriptions.add(subscription)
      if (ready) subscribe(subscription).catch(() => connection?.disconnect())
      else if (!beginning && retry === undefined && connection === undefined)
        attempt(begin, fault, EAR, again)
    },
    remove(subscription: Subscription) {
      subscriptions.delete(subscription)
      subscription.on = false
      const isLastOfChannel = ![...subscriptions].some(({ channel }) => channel === subscription.channel)
      if (subscriptions.size === 0) {
        clearTimer(retry)
        clearTimer(heart)
        retry = undefined
        connection?.disconnect()
      } else if (ready && isLastOfChannel)
        connection?.unsubscribe(subscription.channel).catch(() => undefined)
    },
  }
}

/** In a cluster every node passes every message on, so that one of them is enough to hear. */
function subscriberOf(client: Parameters<Parameters<RedisConnection['run']>[0]>[0]): Redis {
  const nodes = primariesOf(client)
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
