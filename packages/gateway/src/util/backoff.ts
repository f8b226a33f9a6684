export type BackoffOptions = {
  /** Milliseconds before jitter: at the first attempt, and at most. */
  min: number
  max: number
  /** Returns a number from 0 to 1. @default Math.random */
  random?: () => number
}

/**
 * Returns milliseconds to wait after attempt number `attempt` (from 1) failed: exponential back-off with "equal jitter",
 * from half of `min(max, min * 2^(attempt - 1))` up to all of it.
 */
export function backoffMs(attempt: number, { min, max, random = Math.random }: BackoffOptions): number {
  return Math.min(max, min * 2 ** (attempt - 1)) * (0.5 + random() / 2)
}

/** Returns a random delay from half of `ms` up to `ms`, so that processes do not act at the same moment. */
export const jittered = (ms: number): number => ms * (0.5 + Math.random() / 2)
