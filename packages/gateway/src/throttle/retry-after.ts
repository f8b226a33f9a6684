/** Cooldown if upstream names none. */
const DEFAULT_MS = 1_000
const MAX_MS = 60_000

/** Returns the milliseconds to pause after a 429: `retry-after` if given, else the reset of the exhausted limits. */
export function cooldownFrom(headers: Headers, now = Date.now()): number {
  const given = milliseconds(headers.get('retry-after-ms')) ?? retryAfterOf(headers.get('retry-after'), now)
  const resets = ['requests', 'tokens'].map((kind) =>
    Number(headers.get(`x-ratelimit-remaining-${kind}`) ?? 1) > 0
      ? 0
      : durationOf(headers.get(`x-ratelimit-reset-${kind}`) ?? ''),
  )
  const ms = given ?? (Math.max(...resets) || DEFAULT_MS)
  return Math.min(MAX_MS, Math.max(0, ms))
}

function milliseconds(text: string | null): number | undefined {
  const ms = text === null || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}

/** Parses seconds, or a date. */
function retryAfterOf(text: string | null, now: number): number | undefined {
  const seconds = milliseconds(text)
  if (seconds !== undefined) return seconds * 1_000
  const date = Date.parse(text ?? '')
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

const UNIT: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Parses OpenAI's durations: `20ms`, `1.5s`, `6m0s`. Invalid text is 0. */
function durationOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT[unit] ?? 0), 0)
}
