import fc from 'fast-check'
import { runs, TEST_TIMEOUT_MS } from '../runs.ts'
import type { Op } from './partition-calls.ts'

/** Schedules per property. */
export const RUNS = runs(60)
export const TIMEOUT = TEST_TIMEOUT_MS

export const CAP = 400
export const RPM = 40
/** Large leases, so that what is wrong with them is large. */
export const LARGE = 0.4

/** One of the processes that there are at that moment. */
export const process_ = fc.nat(5)
const wait = fc.oneof(fc.nat(2_000), fc.integer({ min: 50_000, max: 70_000 }), fc.nat(300_000))
const burst: fc.Arbitrary<Op> = fc.record({
  do: fc.constant('burst' as const),
  process: process_,
  calls: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(40)),
  worst: fc.integer({ min: 1, max: 20 }),
})
const waits: fc.Arbitrary<Op> = fc.record({ do: fc.constant('wait' as const), ms: wait })
const ended: fc.Arbitrary<Op> = fc.record({
  do: fc.constant('end' as const),
  call: fc.nat(50),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
})
const told: fc.Arbitrary<Op> = fc.record({ do: fc.constant('tell' as const), process: process_ })
/** Nothing fails. */
export const quiet: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: burst },
  { weight: 4, arbitrary: ended },
  { weight: 2, arbitrary: waits },
  { weight: 2, arbitrary: told },
  { weight: 1, arbitrary: fc.constant({ do: 'join' as const }) },
)
const at = <K extends 'cut' | 'heal' | 'kill' | 'hold'>(what: K) =>
  fc.record({ do: fc.constant(what), process: process_ })
const some = <K extends 'deliver' | 'lose'>(what: K) =>
  fc.record({ do: fc.constant(what), process: process_, commands: fc.nat(4) })
const reset: fc.Arbitrary<Op> = fc.record({
  do: fc.constant('reset' as const),
  process: process_,
  isExecuted: fc.boolean(),
})
const restart: fc.Arbitrary<Op> = fc.record({ do: fc.constant('restart' as const), process: process_ })
/** Connections are cut, replies lost, commands late, processes killed. */
export const faulty: fc.Arbitrary<Op> = fc.oneof(
  { weight: 10, arbitrary: quiet },
  { weight: 2, arbitrary: at('cut') },
  { weight: 3, arbitrary: at('heal') },
  { weight: 3, arbitrary: at('hold') },
  { weight: 3, arbitrary: some('deliver') },
  { weight: 2, arbitrary: some('lose') },
  { weight: 2, arbitrary: reset },
  { weight: 2, arbitrary: restart },
  { weight: 1, arbitrary: at('kill') },
)

/** Redis is out of reach for all: processes start, and calls follow each other within two seconds. */
const duringOutage: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: burst },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2_000) }) },
  { weight: 2, arbitrary: ended },
  { weight: 2, arbitrary: fc.constant({ do: 'join' as const, cut: true }) },
)
/** Nothing fails but Redis itself: one to four outages, each shorter than a minute, and any time between them. */
export const outages: fc.Arbitrary<Op[]> = fc
  .array(
    fc.tuple(
      fc.array(quiet, { minLength: 1, maxLength: 15 }),
      fc.array(duringOutage, { minLength: 1, maxLength: 25 }),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) =>
    parts.flatMap(([before, during]): Op[] => [...before, { do: 'cutAll' }, ...during, { do: 'healAll' }]),
  )

/** Closer to each other than a lease is left unused: nearly all calls are admitted without asking. */
export const brisk = (ops: fc.Arbitrary<Op>): fc.Arbitrary<Op> =>
  ops.map((op) => (op.do === 'wait' ? { ...op, ms: op.ms % 400 } : op))

/** A few processes whose commands are mostly on their way when something else is admitted, ends, or is lost. */
export const crossing: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: burst },
  { weight: 3, arbitrary: ended },
  { weight: 3, arbitrary: told },
  { weight: 3, arbitrary: at('hold') },
  { weight: 4, arbitrary: some('deliver') },
  { weight: 1, arbitrary: some('lose') },
  { weight: 2, arbitrary: reset },
  { weight: 2, arbitrary: restart },
  { weight: 1, arbitrary: at('cut') },
  { weight: 2, arbitrary: at('heal') },
)
