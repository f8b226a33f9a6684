/** Without a word from upstream. */
const USUAL_MS = 1_000
const LONGEST_MS = 60_000

/**
 * How long upstream wants to be left alone after a 429: what it says outright, or else when the limits that it says are
 * used up begin anew.
 */
export function cooldownFrom(headers: Headers, now = Date.now()): number {
  const said = milliseconds(headers.get('retry-after-ms')) ?? afterOf(headers.get('retry-after'), now)
  const resets = ['requests', 'tokens'].map((kind) =>
    Number(headers.get(`x-ratelimit-remaining-${kind}`) ?? 1) > 0
      ? 0
      : durationOf(headers.get(`x-ratelimit-reset-${kind}`) ?? ''),
  )
  const ms = said ?? (Math.max(...resets) || USUAL_MS)
  return Math.min(LONGEST_MS, Math.max(0, ms))
}

function milliseconds(text: string | null): number | undefined {
  const ms = text === null || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}

/** Seconds, or a date. */
function afterOf(text: string | null, now: number): number | undefined {
  const seconds = milliseconds(text)
  if (seconds !== undefined) return seconds * 1_000
  const date = Date.parse(text ?? '')
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

const UNIT: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** As OpenAI writes them: `20ms`, `1.5s`, `6m0s`. Nonsense is 0. */
function durationOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNIT[unit] ?? 0), 0)
}
