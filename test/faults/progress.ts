import { writeSync } from 'node:fs'
import { expect } from 'vitest'

/** Seconds in which one scenario tries passages. Without it a scenario tries all that were drawn, and prints nothing. */
const SECONDS = Number(process.env.FAULTS_SECONDS ?? Number.POSITIVE_INFINITY)
const isTold = Number.isFinite(SECONDS)
const EVERY_MS = 15_000

/** Bounds a scenario's time, and prints how far it has come and what it found, for a person who waits for a long run. */
export function createProgress(total: number) {
  const startedAt = performance.now()
  let toldAt = startedAt
  let tried = 0

  function tell(what: string): void {
    // Past `process.stderr`, which tests watch for unexpected lines.
    if (isTold) writeSync(2, `${expect.getState().currentTestName}: ${what}\n`)
  }

  function tellCount(found: number): void {
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    tell(`${tried} of ${total} throws tried in ${seconds} s, ${found} wrong`)
    toldAt = performance.now()
  }

  return {
    isOver: () => performance.now() - startedAt > SECONDS * 1_000,
    /** @param found What this throw did wrong; `all`: of every throw until now. */
    note(found: readonly string[], all: readonly string[]): void {
      tried += 1
      for (const each of found) tell(each)
      if (performance.now() - toldAt > EVERY_MS) tellCount(all.length)
    },
    end: (all: readonly string[]): void => tellCount(all.length),
  }
}
