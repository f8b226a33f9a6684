import type { DeliveryError } from './sink.ts'

/** What a sink knows is in promises that its own signal has just rejected: no timer is needed to wait for that. */
const TURNS = 50

/**
 * What a delivery comes to; once the signal aborts, what the sink says of it right away, if anything.
 * @throws the signal's reason when it says nothing.
 */
export function finalErrorOf<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const silence = new Promise<never>((_, reject) => {
    const wait = async () => {
      for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((next) => process.nextTick(next))
      reject(signal.reason)
    }
    signal.addEventListener('abort', () => void wait().catch(reject), { once: true })
  })
  return Promise.race([work, silence])
}

/** By name: a sink may have another copy of this package than the gateway. */
export const isDeliveryError = (error: unknown): error is DeliveryError =>
  error instanceof Error && error.name === 'DeliveryError'

export const wordsOf = (error: unknown) =>
  error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : 'unknown'
