/** Logs a message. Returns `false` if it was suppressed. */
export type Warn = (kind: string, message: string) => boolean

/** Limits each `kind` of message to one a minute. */
export function rateLimited(warn: (message: string) => void): Warn {
  const quietUntil = new Map<string, number>()
  return (kind, message) => {
    if (performance.now() < (quietUntil.get(kind) ?? 0)) return false
    quietUntil.set(kind, performance.now() + 60_000)
    warn(message)
    return true
  }
}

/** Drops repeated messages, and all messages after the first 100 different ones. */
export function deduplicated(say: (message: string) => void): (message: string) => void {
  const said = new Set<string>()
  return (message) => {
    if (said.has(message) || said.size > 100) return
    said.add(message)
    say(message)
  }
}
