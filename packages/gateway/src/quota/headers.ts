import type { Limits, Remaining } from './store.ts'

/** What the team has left, under the names that OpenAI uses for what the account has. `resetMs`: until all of it is back. */
export function rateLimitHeaders(
  { rpm, tpm }: Limits,
  { requests, tokens }: Remaining,
  resetMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {}
  const say = (kind: string, limit: number | undefined, left: number | undefined) => {
    if (limit === undefined || left === undefined) return
    headers[`x-ratelimit-limit-${kind}`] = String(limit)
    headers[`x-ratelimit-remaining-${kind}`] = String(Math.floor(left))
    headers[`x-ratelimit-reset-${kind}`] = duration(resetMs)
  }
  say('requests', rpm, requests)
  say('tokens', tpm, tokens)
  return headers
}

/** As OpenAI writes it: `120ms`, `7.5s`, `1m0s`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 100) / 10
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`
}
