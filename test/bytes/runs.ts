/** How many cases a property tries; `FUZZ_RUNS=100` tries a hundred times as many. */
export const runs = (usual: number): number =>
  Math.max(1, Math.round(usual * Number(process.env.FUZZ_RUNS ?? 1)))

/** Another one where `FUZZ_SEED` is set. */
export const SEED = Number(process.env.FUZZ_SEED ?? 12)
