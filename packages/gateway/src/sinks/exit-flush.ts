import { attempt } from '../util/faults.ts'
import { clearTimer, setRepeating, setTimer } from '../util/timers.ts'
import { withResolvers } from '../util/with-resolvers.ts'

/** Delivers pending reports. Must stop when the signal aborts: open requests would keep the process alive. */
type Flush = (giveUp: AbortSignal) => Promise<unknown>

/** Flush functions of all queues in this process that hold reports. */
const flushes = new Set<Flush>()
/** Milliseconds of the final flush: below the 5 s that Fly leaves between signal and kill. */
const FLUSH_DEADLINE_MS = 3_000
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Registers `holder` to be flushed before the process exits, by itself or by a signal. Process listeners exist only
 * while a flush is registered. If the program has its own signal listener, that one ends the process; otherwise the
 * signal is raised again after the flush.
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
/** Set when a final flush used all its time. Cleared by the next record. */
let isDeadlineUsed = false

/** Cancels the pause after a final flush: a new record shows that the program is still running. */
export function resumeDeliveries(): void {
  isDeadlineUsed = false
}

/**
 * Returns milliseconds by which background deliveries are delayed after a final flush: each one would keep a finished
 * program alive.
 */
export const exitPauseMs = (): number => (isDeadlineUsed ? PAUSE_MS : 0)
const PAUSE_MS = 10_000

/** Runs one flush at a time, shared by all callers. */
function flushAll(): Promise<void> {
  flushing ??= flushOnce().finally(() => {
    flushing = undefined
  })
  return flushing
}

/** Flushes all queues. Its timer keeps the process alive, because reports are still pending. */
async function flushOnce(): Promise<void> {
  const timer = withResolvers<void>()
  const giveUp = new AbortController()
  const timeout = setTimer(() => {
    isDeadlineUsed = true
    giveUp.abort()
    timer.resolve()
  }, FLUSH_DEADLINE_MS)
  await Promise.race([timer.promise, Promise.allSettled([...flushes].map((drain) => drain(giveUp.signal)))])
  clearTimer(timeout)
}

/** Runs at most once: otherwise an undeliverable report would keep the process from exiting forever. */
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

/** Milliseconds between checks whether only deliveries keep the process alive. */
const CHECK_MS = 200
const ignored = () => undefined
let deliveries = 0
let watch: NodeJS.Timeout | undefined
let wasIdle = false

/**
 * Runs a delivery while checking whether the program still runs: its sockets keep the process alive, so `beforeExit`
 * would not fire until the delivery gave up. When two checks in a row find no other resource, the final flush starts.
 */
export async function watchedForExit<T>(delivery: () => Promise<T>): Promise<T> {
  deliveries += 1
  if (deliveries === 1) {
    wasIdle = false
    // A fault of the check costs the early flush only; the runtime may not list its resources.
    watch = setRepeating(attempt, CHECK_MS, checkIdle, ignored, 'the end of the program')
    watch.unref()
  }
  try {
    return await delivery()
  } finally {
    deliveries -= 1
    if (deliveries === 0) clearTimer(watch)
  }
}

/**
 * Counts resources that keep the process alive. Standard output and error are listed once they were written to, but do
 * not keep it alive.
 */
function otherResources(): number {
  const resources = process.getActiveResourcesInfo()
  const streams = resources.filter((name) => name === 'PipeWrap' || name === 'TTYWrap').length
  return resources.length - Math.min(streams, 2)
}

/** Starts the final flush if nothing but deliveries is active; each delivery holds one socket. */
function checkIdle(): void {
  const isIdle = !isDeadlineUsed && flushing === undefined && otherResources() <= deliveries
  if (isIdle && wasIdle && flushes.size > 0) flushAll().catch(() => undefined)
  wasIdle = isIdle
}
