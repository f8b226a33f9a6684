import { clearTimer, setRepeating, setTimer } from '../util/timers.ts'

/** Delivers what it holds, and lets go when the signal aborts: what is still under way would keep the process alive. */
type Holder = (giveUp: AbortSignal) => Promise<unknown>

/** Everything in this process that would be lost if it ended now. */
const holders = new Set<Holder>()
/** Well inside the 5 s that Fly leaves between a signal and the end. */
const FLUSH_DEADLINE_MS = 3_000
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Drains `holder` before the process ends of itself or by a signal. Listens only while somebody holds something, and
 * leaves the end of the process to whoever else listens for the signal; alone, it lets the signal do its work afterwards.
 */
export function registerExitFlush(holder: Holder): void {
  if (holders.size === 0) {
    process.on('beforeExit', onExit)
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  holders.add(holder)
}

export function unregisterExitFlush(holder: Holder): void {
  if (!holders.delete(holder) || holders.size > 0) return
  process.off('beforeExit', onExit)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

let draining: Promise<void> | undefined
/** The time for last words was used up, and no record has come since. */
let isSpent = false

/** A record has come: its program goes on, whatever it looked like. */
export function goesOn(): void {
  isSpent = false
}

/** How long a delivery that no caller waits for is put off at least, in milliseconds: it would keep an ended program alive. */
export const pauseMs = (): number => (isSpent ? PAUSE_MS : 0)
const PAUSE_MS = 10_000

/** Once at a time, for all callers. */
function drainAll(): Promise<void> {
  draining ??= drainThem().finally(() => {
    draining = undefined
  })
  return draining
}

/** A timer that keeps the process alive: it is about to end, and has something left to do. */
async function drainThem(): Promise<void> {
  const timer = Promise.withResolvers<void>()
  const giveUp = new AbortController()
  const timeout = setTimer(() => {
    isSpent = true
    giveUp.abort()
    timer.resolve()
  }, FLUSH_DEADLINE_MS)
  await Promise.race([timer.promise, Promise.allSettled([...holders].map((drain) => drain(giveUp.signal)))])
  clearTimer(timeout)
}

/** Once: what could not be delivered now would otherwise keep the process from ever ending. */
async function onExit(): Promise<void> {
  process.off('beforeExit', onExit)
  if (!isSpent) await drainAll()
}

async function onSignal(signal: NodeJS.Signals): Promise<void> {
  const others = process.listenerCount(signal) > 1
  await drainAll()
  if (others) return
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}

/** How often it is looked whether anything but deliveries keeps the process alive. */
const LOOK_MS = 200
let underWay = 0
let watch: NodeJS.Timeout | undefined
let wasAlone = false

/**
 * Goes on with a delivery, whose sockets keep the process alive, for as long as the program itself does: once nothing
 * else has for two looks, last words begin as they do at `beforeExit`, which such a process would reach only when the
 * delivery has been given up.
 */
export async function whileAlive<T>(delivery: () => Promise<T>): Promise<T> {
  underWay += 1
  if (underWay === 1) {
    wasAlone = false
    watch = setRepeating(look, LOOK_MS)
    watch.unref()
  }
  try {
    return await delivery()
  } finally {
    underWay -= 1
    if (underWay === 0) clearTimer(watch)
  }
}

/** What keeps the process alive, as far as is known. Output is listed once it was written to, and keeps nothing alive. */
function othersAlive(): number {
  const resources = process.getActiveResourcesInfo()
  const streams = resources.filter((name) => name === 'PipeWrap' || name === 'TTYWrap').length
  return resources.length - Math.min(streams, 2)
}

/** A delivery holds one socket at a time. */
function look(): void {
  const isAlone = !isSpent && draining === undefined && othersAlive() <= underWay
  if (isAlone && wasAlone && holders.size > 0) drainAll().catch(() => undefined)
  wasAlone = isAlone
}
