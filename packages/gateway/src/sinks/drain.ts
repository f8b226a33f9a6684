/** Delivers what it holds, and lets go when the signal aborts: what is still under way would keep the process alive. */
type Holder = (giveUp: AbortSignal) => Promise<unknown>

/** Everything in this process that would be lost if it ended now. */
const holders = new Set<Holder>()
/** Well inside the 5 s that Fly leaves between a signal and the end. */
const LAST_WORDS_MS = 3_000
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Drains `holder` before the process ends of itself or by a signal. Listens only while somebody holds something, and
 * leaves the end of the process to whoever else listens for the signal; alone, it lets the signal do its work afterwards.
 */
export function holdExit(holder: Holder): void {
  if (holders.size === 0) {
    process.on('beforeExit', onExit)
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  holders.add(holder)
}

export function letExit(holder: Holder): void {
  if (!holders.delete(holder) || holders.size > 0) return
  process.off('beforeExit', onExit)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

/** A timer that keeps the process alive: it is about to end, and has something left to do. */
async function drainAll(): Promise<void> {
  const timer = Promise.withResolvers<void>()
  const giveUp = new AbortController()
  const timeout = setTimeout(() => {
    giveUp.abort()
    timer.resolve()
  }, LAST_WORDS_MS)
  await Promise.race([timer.promise, Promise.allSettled([...holders].map((drain) => drain(giveUp.signal)))])
  clearTimeout(timeout)
}

/** Once: what could not be delivered now would otherwise keep the process from ever ending. */
async function onExit(): Promise<void> {
  process.off('beforeExit', onExit)
  await drainAll()
}

async function onSignal(signal: NodeJS.Signals): Promise<void> {
  const others = process.listenerCount(signal) > 1
  await drainAll()
  if (others) return
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}
