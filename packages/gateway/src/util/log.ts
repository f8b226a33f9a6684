/** True: it was said. */
export type Warn = (kind: string, message: string) => boolean

/** Of each kind of trouble, no more than one line a minute. */
export function rateLimited(warn: (message: string) => void): Warn {
  const quietUntil = new Map<string, number>()
  return (kind, message) => {
    if (performance.now() < (quietUntil.get(kind) ?? 0)) return false
    quietUntil.set(kind, performance.now() + 60_000)
    warn(message)
    return true
  }
}

/** The same line never twice; there are only so many different ones. */
export function deduplicated(say: (message: string) => void): (message: string) => void {
  const said = new Set<string>()
  return (message) => {
    if (said.has(message) || said.size > 100) return
    said.add(message)
    say(message)
  }
}
