import type { Limits } from '../core/team-limits.ts'
import { LIMITS } from './limits.ts'
import type { Verdict } from './store.ts'

const ALL = Object.values(LIMITS)

/**
 * Returns OpenAI's `x-ratelimit-*` headers for the team's limits. They replace those of upstream, which describe the whole
 * organization. Without any, upstream's stay.
 */
export function rateLimitHeaders(verdict: Verdict, limits: Limits): Record<string, string> {
  const { remaining, resetMs = 0, bounds = limits } = verdict
  const headers: Record<string, string> = {}
  const reset = duration(resetMs)
  for (const { field, unit, setHeaders } of ALL) {
    const bound = bounds[field]
    const left = remaining[unit]
    if (setHeaders === undefined || bound === undefined || left === undefined) continue
    setHeaders(headers, `${bound}`, `${left}`, left === bound ? '0s' : reset)
  }
  return headers
}

/** Formats a duration as OpenAI does: 12ms, 1.5s, 1m0.25s. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`
  const minutes = Math.floor(ms / 60_000)
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms - minutes * 60_000) / 1_000}s`
}
