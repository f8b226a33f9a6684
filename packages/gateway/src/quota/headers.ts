import type { Limits } from '../core/limits.ts'
import type { Verdict } from './store.ts'

/**
 * Returns OpenAI's `x-ratelimit-*` headers for the team's limits. They replace those of upstream, which describe the whole
 * organization. Headers of a limit that the team does not have are left out, and upstream's stay.
 */
export function rateLimitHeaders(verdict: Verdict, limits: Limits): Record<string, string> {
  const { remaining, resetMs = 0, bounds = limits } = verdict
  const headers: Record<string, string> = {}
  const { rpm, tpm } = bounds
  if (rpm !== undefined && remaining.requests !== undefined) {
    headers['x-ratelimit-limit-requests'] = `${rpm}`
    headers['x-ratelimit-remaining-requests'] = `${remaining.requests}`
    headers['x-ratelimit-reset-requests'] = remaining.requests === rpm ? '0s' : duration(resetMs)
  }
  if (tpm !== undefined && remaining.tokens !== undefined) {
    headers['x-ratelimit-limit-tokens'] = `${tpm}`
    headers['x-ratelimit-remaining-tokens'] = `${remaining.tokens}`
    headers['x-ratelimit-reset-tokens'] = remaining.tokens === tpm ? '0s' : duration(resetMs)
  }
  return headers
}

/** Formats a duration as OpenAI does: 12ms, 1.5s, 1m0.25s. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`
  const minutes = Math.floor(ms / 60_000)
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms - minutes * 60_000) / 1_000}s`
}
