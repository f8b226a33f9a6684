import { nonNegativeNumber, retryAfterMs } from '../util/retry-after.ts'

/** Cooldown if upstream names none. */
const DEFAULT_MS = 1_000
const MAX_MS = 60_000

/** Returns the milliseconds to pause after a 429: `retry-after` if given, else the reset of the exhausted limits. */
export function cooldownFrom(headers: Headers, now = Date.now()): number {
  const said =
    nonNegativeNumber(headers.get('retry-after-ms')) ?? retryAfterMs(headers.get('retry-after'), now)
  const resets = ['requests', 'tokens'].map((kind) =>
    Number(headers.get(`x-ratelimit-remaining-${kind}`) ?? 1) > 0
      ? 0
      : durationOf(headers.get(`x-ratelimit-reset-${kind}`) ?? ''),
  )
  const ms = said ?? (Math.max(...resets) || DEFAULT_MS)
  return Math.min(MAX_MS, Math.max(0, ms))
}

const UNIT: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Parses OpenAI's durations: `20ms`, `1.5s`, `6m0s`. Invalid text is 0. */
function durationOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT[unit] ?? 0), 0)
}
