/**
 * Share of the full number of generated cases that a run of the tests tries: `FUZZ_RUNS=1` tries all, and `FUZZ_RUNS=50`
 * fifty times as many.
 * @default 0.1, for a person who waits
 */
const SHARE = Number(process.env.FUZZ_RUNS ?? 0.1)
const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2

/** Seed of all generated cases, those of fast-check included. Another one where `FUZZ_SEED` is set. */
export const SEED = Number(process.env.FUZZ_SEED ?? 12)

/** Returns how many cases a generator tries, of its full number. */
export const runs = (full: number): number => Math.max(1, Math.round(full * SHARE))

/**
 * Returns the cases of a table that a run tries: all with `FUZZ_RUNS=1`, otherwise a share, spread evenly by the golden ratio, which
 * falls in step with no row or column of the table. Another seed tries others.
 *
 * @param times as many as of other tables
 */
export function sampled<T>(cases: readonly T[], times = 1): T[] {
  const chosen = cases.filter((_, at) => ((at + SEED) * GOLDEN_RATIO) % 1 < SHARE * times)
  return chosen.length > 0 ? chosen : cases.slice(0, 1)
}

/** Time in ms after which a test is taken to hang, on a machine that does much other work. */
export const TEST_TIMEOUT_MS = 300_000 * Math.max(1, SHARE)
