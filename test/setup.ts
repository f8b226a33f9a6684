import fc from 'fast-check'
import { watchConsole } from './console.ts'
import { SEED } from './runs.ts'

watchConsole()
// A run that fails can be repeated, and one that passed on one machine passes on the next: `FUZZ_SEED` tries other cases.
fc.configureGlobal({ seed: SEED })
