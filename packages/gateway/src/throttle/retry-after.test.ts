import { expect, test } from 'vitest'
import { cooldownFrom } from './retry-after.ts'

const NOW = Date.UTC(2026, 10, 23, 12)

test.each([
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
  [{ 'retry-after': '2' }, 2_000],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': new Date(NOW + 5_000).toUTCString() }, 5_000],
  [{ 'retry-after': '86400' }, 60_000],
  [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m2.5s' }, 60_000],
  [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '120ms' }, 120],
  [{ 'x-ratelimit-remaining-tokens': '7', 'x-ratelimit-reset-tokens': '6m0s' }, 1_000],
  [{ 'retry-after': 'soon', 'retry-after-ms': '-3' }, 1_000],
  [{}, 1_000],
])('%o is a pause of %d ms', (headers, ms) => {
  expect(cooldownFrom(new Headers(headers as Record<string, string>), NOW)).toBe(ms)
})
