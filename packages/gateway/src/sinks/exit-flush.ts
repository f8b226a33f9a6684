import { clearTimer, setRepeating, setTimer } from '../util/timers.ts'

/** Delivers what it holds, and lets go when the signal aborts: what is still under way would keep the process alive. */
type Flush = (giveUp: AbortSignal) => Promise<unknown>

/** Everything in this process that would be lost if it ended now. */
const flushes = new Set<Flush>()
/** Well inside the 5 s that Fly leaves between a signal and the end. */
const FLUSH_DEADLINE_MS = 3_000
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Drains `holder` before the process ends of itself or by a signal. Listens only while somebody holds something, and
 * leaves the end of the process to whoever else listens for the signal; alone, it lets the signal do its work afterwards.
 */
export function registerExitFlush(holder: Flush): void {
  if (flushes.size === 0) {
    process.on('beforeExit', onExit)
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  flushes.add(holder)
}

export function unregisterExitFlush(holder: Flush): void {
  if (!flushes.delete(holder) || flushes.size > 0) return
  process.off('beforeExit', onExit)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

let flushing: Promise<void> | undefined
/** The time for last words was used up, and no record has come since. */
let isDeadlineUsed = false

/** A record has come: its program goes on, whatever it looked like. */
export function resumeDeliveries(): void {
  isDeadlineUsed = false
}

/** How long a delivery that no caller waits for is put off at least, in milliseconds: it would keep an ended program alive. */
export const exitPauseMs = (): number => (isDeadlineUsed ? PAUSE_MS : 0)
const PAUSE_MS = 10_000

/** Once at a time, for all callers. */
function flushAll(): Promise<void> {
  flushing ??= flushOnce().finally(() => {
    flushing = undefined
  })
  return flushing
}

/** A timer that keeps the process alive: it is about to end, and has something left to do. */
async function flushOnce(): Promise<void> {
  const timer = Promise.withResolvers<void>()
  const giveUp = new AbortController()
  const timeout = setTimer(() => {
    isDeadlineUsed = true
    giveUp.abort()
    timer.resolve()
  }, FLUSH_DEADLINE_MS)
  await Promise.race([timer.promise, Promise.allSettled([...flushes].map((drain) => drain(giveUp.signal)))])
  clearTimer(timeout)
}

/** Once: what could not be delivered now would otherwise keep the process from ever ending. */
async function onExit(): Promise<void> {
  process.off('beforeExit', onExit)
  if (!isDeadlineUsed) await flushAll()
}

async function onSignal(signal: NodeJS.Signals): Promise<void> {
  const others = process.listenerCount(signal) > 1
  await flushAll()
  if (others) return
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}

/** How often it is looked whether anything but deliveries keeps the process alive. */
const CHECK_MS = 200
let deliveries = 0
let watch: NodeJS.Timeout | undefined
let wasIdle = false

/**
 * Goes on with a delivery, whose sockets keep the process alive, for as long as the program itself does: once nothing
 * else has for two looks, last words begin as they do at `beforeExit`, which such a process would reach only when the
 * delivery has been given up.
 */
export async function watchedForExit<T>(delivery: () => Promise<T>): Promise<T> {
  deliveries += 1
  if (deliveries === 1) {
    wasIdle = false
    watch = setRepeating(checkIdle, CHECK_MS)
    watch.unref()
  }
  try {
    return await delivery()
  } finally {
    deliveries -= 1
    if (deliveries === 0) clearTimer(watch)
  }
}

/** What keeps the process alive, as far as is known. Output is listed once it was written to, and keeps nothing alive. */
function otherResources(): number {
  const resources = process.getActiveResourcesInfo()
  const streams = resources.filter((name) => name === 'PipeWrap' || name === 'TTYWrap').length
  return resources.length - Math.min(streams, 2)
}

/** A delivery holds one socket at a time. */
function checkIdle(): void {
  const isIdle = !isDeadlineUsed && flushing === undefined && otherResources() <= deliveries
  if (isIdle && wasIdle && flushes.size > 0) flushAll().catch(() => undefined)
  wasIdle = isIdle
}
