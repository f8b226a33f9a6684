import { goHostile } from '../hostile/under.ts'
import { SEED } from '../runs.ts'

goHostile(SEED)
// The same tests once more: what a way does to an answer's bytes changes nothing that they assert.
await import('./options.test.ts')
await import('./ends.test.ts')
await import('./shapes.test.ts')
await import('./many.test.ts')
