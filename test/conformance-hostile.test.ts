import { goHostile } from './hostile/under.ts'

/** Another one each time where `FUZZ_SEED` is set, to the same end: `FUZZ_SEED=$RANDOM npm exec vitest run test/conformance-hostile.test.ts`. */
const SEED = Number(process.env.FUZZ_SEED ?? 12)

goHostile(SEED)
// The whole suite, once more: what a way does to an answer's bytes changes nothing that it asserts.
await import('./conformance.test.ts')
