/** TTL of pinned entries: a year. */
export const PINNED_MS = 365 * 86_400_000
