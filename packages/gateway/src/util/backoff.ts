/** Returns a random delay between half of `ms` and `ms`, so that processes do not act at the same moment. */
export const jittered = (ms: number): number => ms * (0.5 + Math.random() / 2)

/** Milliseconds before a retry: exponential from `minMs`, capped at `maxMs`, with jitter. `attempt` counts from 0. */
export const backoffMs = (attempt: number, { minMs, maxMs }: { minMs: number; maxMs: number }): number =>
  jittered(Math.min(maxMs, minMs * 2 ** attempt))
