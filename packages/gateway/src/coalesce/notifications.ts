import type { RedisConnection } from '../redis/connection.ts'
import { type RedisSubscription, subscribe } from '../redis/pubsub.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { withResolvers } from '../util/with-resolvers.ts'
import { CHANNEL, isOutcome, type Outcome } from './lease.ts'

/** Waits for the outcome of one lease. */
export type FlightWaiter = {
  /** Resolves with the outcome of the flight with this token; `undefined`: poll the lease again. */
  waitForOutcome: (token: string, ms: number, signal: AbortSignal) => Promise<Outcome | undefined>
  close: () => void
}

export type FlightEvents = {
  /** Receives all outcomes from now on, even before a wait begins. */
  waitFor: (key: string) => FlightWaiter
  /** False while the subscription is down: only polling helps. */
  isListening: () => boolean
  close: () => void
}

type Subscriber = { onOutcome: (token: string, outcome: Outcome) => void; poll: () => void }

/** Receives the outcome of every flight, in all processes, over one connection that is made on first use. */
export function createFlightEvents(connection: RedisConnection): FlightEvents {
  const subscribers = new Map<string, Set<Subscriber>>()
  let listener: RedisSubscription | undefined
  let closed = false

  function onMessage(message: string) {
    const [key = '', token = '', outcome] = message.split(' ')
    if (isOutcome(outcome))
      for (const subscriber of subscribers.get(key) ?? []) subscriber.onOutcome(token, outcome)
  }

  /** Wakes all waiters: messages sent while the subscription was down are lost. */
  function pollAll() {
    for (const some of subscribers.values()) for (const subscriber of some) subscriber.poll()
  }

  function waitFor(key: string): FlightWaiter {
    if (!closed) listener ??= subscribe(connection, CHANNEL, { onMessage, onListening: pollAll })
    const outcomes = new Map<string, Outcome>()
    let wake = () => {}
    const subscriber: Subscriber = {
      onOutcome(token, outcome) {
        outcomes.set(token, outcome)
        wake()
      },
      poll: () => wake(),
    }
    const here = subscribers.get(key) ?? new Set()
    subscribers.set(key, here.add(subscriber))

    return {
      async waitForOutcome(token, ms, signal) {
        if (!outcomes.has(token) && !signal.aborted) {
          const { promise, resolve } = withResolvers<void>()
          wake = resolve
          const timer = setTimer(resolve, ms)
          signal.addEventListener('abort', wake, { once: true })
          await promise
          clearTimer(timer)
          signal.removeEventListener('abort', wake)
        }
        const outcome = outcomes.get(token)
        outcomes.delete(token)
        return outcome
      },
      close() {
        here.delete(subscriber)
        if (here.size === 0 && subscribers.get(key) === here) subscribers.delete(key)
      },
    }
  }

  return {
    waitFor,
    isListening: () => listener?.isListening() === true,
    close() {
      closed = true
      listener?.close()
      pollAll()
    },
  }
}
