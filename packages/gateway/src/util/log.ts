import { LRUCache } from 'lru-cache'

/** Bounds memory: a kind may contain the name of an origin. */
const MAX_KINDS = 1_000

/** Logs a message. Returns `false` if it was suppressed. */
export type Warn = (kind: string, message: string) => boolean

/** Limits each `kind` of message to one a minute. */
export function rateLimited(warn: (message: string) => void): Warn {
  const quietUntil = new LRUCache<string, number>({ max: MAX_KINDS })
  return (kind, message) => {
    if (performance.now() < (quietUntil.get(kind) ?? 0)) return false
    quietUntil.set(kind, performance.now() + 60_000)
    warn(message)
    return true
  }
}

/** Drops repeated messages, and all messages after the first 100 different ones. */
export function deduplicated(warn: (message: string) => void): (message: string) => void {
  const seen = new Set<string>()
  return (message) => {
    if (seen.has(message) || seen.size > 100) return
    seen.add(message)
    warn(message)
  }
}
