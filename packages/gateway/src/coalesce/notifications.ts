import type { RedisConnection } from '../redis/connection.ts'
import { type RedisSubscription, subscribe } from '../redis/pubsub.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { CHANNEL, isOutcome, type Outcome } from './lease.ts'

/** What one who waits hears of a lease. */
export type FlightWaiter = {
  /** What came of the flight under this token, once that is known; `undefined`: it is time to look again. */
  outcomeOf: (token: string, ms: number, signal: AbortSignal) => Promise<Outcome | undefined>
  close: () => void
}

export type FlightEvents = {
  /** What is said from now on is heard, even before anybody waits for it. */
  watch: (key: string) => FlightWaiter
  /** False: only looking helps. */
  isHearing: () => boolean
  close: () => void
}

type Subscriber = { hear: (token: string, outcome: Outcome) => void; lookAgain: () => void }

/** The end of every flight, in all processes, over one connection that is made at first use. */
export function createFlightEvents(link: RedisConnection): FlightEvents {
  const ears = new Map<string, Set<Subscriber>>()
  let listener: RedisSubscription | undefined
  let closed = false

  function onMessage(message: string) {
    const [key = '', token = '', outcome] = message.split(' ')
    if (isOutcome(outcome)) for (const ear of ears.get(key) ?? []) ear.hear(token, outcome)
  }

  /** What was said while nobody listened cannot be heard any more. */
  function lookAgain() {
    for (const some of ears.values()) for (const ear of some) ear.lookAgain()
  }

  function watch(key: string): FlightWaiter {
    if (!closed) listener ??= subscribe(link, CHANNEL, { onMessage, onListening: lookAgain })
    const outcomes = new Map<string, Outcome>()
    let wake = () => {}
    const ear: Subscriber = {
      hear(token, outcome) {
        outcomes.set(token, outcome)
        wake()
      },
      lookAgain: () => wake(),
    }
    const here = ears.get(key) ?? new Set()
    ears.set(key, here.add(ear))

    return {
      async outcomeOf(token, ms, signal) {
        if (!outcomes.has(token) && !signal.aborted) {
          const { promise, resolve } = Promise.withResolvers<void>()
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
        here.delete(ear)
        if (here.size === 0 && ears.get(key) === here) ears.delete(key)
      },
    }
  }

  return {
    watch,
    isHearing: () => listener?.isListening() === true,
    close() {
      closed = true
      listener?.close()
      lookAgain()
    },
  }
}
