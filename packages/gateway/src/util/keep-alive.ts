import { LONGEST_MS, setRepeating } from './timers.ts'

/**
 * Keeps the process alive while a promise returned to the program is pending. Timers and Redis connections of the
 * gateway are unref'd; without this, Node would end a program that awaits only the gateway at its top level with exit
 * code 13.
 */
export function keptAlive<Args extends unknown[], T>(
  work: (...args: Args) => Promise<T>,
  ...args: Args
): Promise<T> {
  const result = work(...args)
  pending += 1
  if (pending === 1) hold()
  // Beside the caller's way: awaited here, it would reach the caller later.
  result.then(release, release).catch(() => undefined)
  return result
}

function release() {
  pending -= 1
  if (pending === 0) timer?.unref()
}

/** Returns the same methods; each promise keeps the process alive. */
export const allKeptAlive = <T extends Record<keyof T, (...args: never[]) => Promise<unknown>>>(
  methods: T,
): T =>
  Object.fromEntries(
    Object.entries<(...args: never[]) => Promise<unknown>>(methods).map(([name, method]) => [
      name,
      (...args: never[]) => keptAlive(method, ...args),
    ]),
  ) as T

let pending = 0
let timer: NodeJS.Timeout | undefined

/** One timer for all of them: to ref and unref it costs less than a timer per call. */
function hold() {
  timer ??= setRepeating(() => undefined, LONGEST_MS)
  timer.ref()
}
