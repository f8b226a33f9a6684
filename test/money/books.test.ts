import { expect, test } from 'vitest'
import { liveThrough, type Outcome } from './schedule.ts'

/** Schedules tried; FUZZ_RUNS multiplies them. */
const SCHEDULES = Math.ceil(24 * Number(process.env.FUZZ_RUNS ?? 1))
/** Most of a schedule is waiting. */
const AT_ONCE = 12
const SEED = Number(process.env.FUZZ_SEED ?? 1)

test(`upstream never bills more than the cap, by its own books: ${SCHEDULES} schedules`, {
  timeout: 20_000 + SCHEDULES * 10_000,
}, async () => {
  const sums = { asked: 0, answered: 0, refused: 0, billed: 0 }
  for (let from = SEED; from < SEED + SCHEDULES; from += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, SEED + SCHEDULES - from) }, (_, at) => from + at)
    const outcomes = await Promise.all(seeds.map((seed) => liveThrough(seed, 40)))
    for (const [at, outcome] of outcomes.entries()) {
      // Stronger than the cap: what upstream billed and what may still be spent are no more than it, however far it is.
      expect(outcome.books.billed + outcome.left, explain(from + at, outcome)).toBeLessThanOrEqual(
        outcome.cap,
      )
      sums.asked += outcome.asked
      sums.answered += outcome.answered
      sums.refused += outcome.refused
      sums.billed += outcome.books.entries.length
    }
  }
  // Schedules in which nothing is let through, or nothing is refused, show nothing.
  expect(sums.billed).toBeGreaterThan(sums.asked / 10)
  expect(sums.answered).toBeGreaterThan(0)
  expect(sums.refused).toBeGreaterThan(0)
  if (process.env.FUZZ_RUNS !== undefined) console.info(SCHEDULES, 'schedules', sums)
})

/** The dearest entries of the books, for whoever has to find the hole. */
function explain(seed: number, { books }: Outcome): string {
  const dearest = books.entries.toSorted((one, other) => other.bill - one.bill).slice(0, 5)
  return `seed ${seed}: ${JSON.stringify(dearest).slice(0, 4_000)}`
}
