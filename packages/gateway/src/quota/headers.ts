import type { Limits, Verdict } from './store.ts'

/**
 * What is left, in the names that OpenAI has for it. They take the place of upstream's, which tell of the whole
 * organization; where the team has no limit, those stay.
 */
export function rateLimitHeaders(verdict: Verdict, limits: Limits): Record<string, string> {
  const { remaining, resetMs = 0, bounds = limits } = verdict
  const of = (kind: 'requests' | 'tokens', limit: number | undefined) => {
    const left = remaining[kind]
    if (limit === undefined || left === undefined) return {}
    return {
      [`x-ratelimit-limit-${kind}`]: String(limit),
      [`x-ratelimit-remaining-${kind}`]: String(left),
      [`x-ratelimit-reset-${kind}`]: left === limit ? '0s' : duration(resetMs),
    }
  }
  return { ...of('requests', bounds.rpm), ...of('tokens', bounds.tpm) }
}

/** As OpenAI writes it: 12ms, 1.5s, 1m0.25s. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`
  const minutes = Math.floor(ms / 60_000)
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms - minutes * 60_000) / 1_000}s`
}
