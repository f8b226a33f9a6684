import type { DeliveryError } from './sink.ts'

/** Turns to wait for promises that the sink's own signal has just rejected. No timer is needed for them. */
const TURNS = 50

/**
 * Resolves with the sink's result. After the signal aborts, takes what the sink still returns within a few turns of
 * the event loop.
 * @throws the signal's reason if the sink returns nothing.
 */
export function resultOrAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const silence = new Promise<never>((_, reject) => {
    const wait = async () => {
      for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((next) => process.nextTick(next))
      reject(signal.reason)
    }
    signal.addEventListener('abort', () => void wait().catch(reject), { once: true })
  })
  return Promise.race([work, silence])
}

/** Compares by name: a sink may use another copy of this package. Never throws. */
export function isDeliveryError(error: unknown): error is DeliveryError {
  try {
    return error instanceof Error && error.name === 'DeliveryError'
  } catch {
    return false
  }
}

/** Never throws, whatever a sink has thrown. */
export function errorSummary(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : 'unknown'
  } catch {
    return 'unknown'
  }
}
