import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Call } from '../core/call.ts'
import type { CacheEntry } from './entry.ts'
import { fitsCall, fitsFollower } from './fits-call.ts'

const cases = fc.record({
  untold: fc.boolean(),
  stream: fc.boolean(),
  includeUsage: fc.boolean(),
  ageSeconds: fc.constantFrom(0, 50),
  maxAge: fc.constantFrom(undefined, 10, 100),
  isFresh: fc.boolean(),
})

test('an answer whose usage upstream never told goes only to those who do not ask for it; one that is too old to none', () => {
  fc.assert(
    fc.property(cases, ({ untold, stream, includeUsage, ageSeconds, maxAge, isFresh }) => {
      const storedAt = Date.now() - ageSeconds * 1_000
      const entry = { untold, storedAt, freshUntil: Date.now() + (isFresh ? 60_000 : -1) } as CacheEntry
      const controls = { cache: maxAge === undefined ? {} : { maxAge } }
      const call = { view: { stream, includeUsage }, controls } as unknown as Call
      const isYoung = maxAge === undefined || ageSeconds <= maxAge
      expect(fitsCall(entry, call)).toBe(isYoung && (!untold || (stream && !includeUsage)))
      // A caller that waited for a whole answer gets it without its usage, as in a flight.
      expect(fitsFollower(entry, call)).toBe(isYoung && isFresh && !(untold && stream && includeUsage))
    }),
    { numRuns: runs(300) },
  )
})
