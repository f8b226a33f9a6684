import { goHostile } from '../hostile/under.ts'
import { SEED } from '../runs.ts'

goHostile(SEED)
// The same tests once more: what a way does to an answer's bytes changes nothing that they assert.
await import('./answers.test.ts')
