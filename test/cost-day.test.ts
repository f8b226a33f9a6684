import { expect, test } from 'vitest'
import { type Day, liveThrough } from './cost/day.ts'
import { allAgree, budget, records } from './cost/ledgers.ts'
import { runs } from './runs.ts'

const isHit = ({ cache }: Day['records'][number]) => cache === 'exact' || cache === 'flight'

const DAYS = Array.from({ length: runs(4) }, (_, at) => at + 1)

test.each(DAYS)(
  'day %i: records, stats and budgets tell of the dollars that upstream would bill',
  async (seed) => {
    const day = await liveThrough({ seed, calls: 500, doubts: false })
    try {
      await allAgree(day, [records, budget])
      for (const trouble of ['busy', 'cut', 'end', 'error-event', 'malformed', 'left'])
        expect(day.troubles[trouble]).toBeGreaterThan(0)
      expect(day.records.filter(isHit).length).toBeGreaterThan(30)
      expect(day.records.some(({ route }) => route === 'failover')).toBe(true)
      expect(day.records.some(({ attempts }) => attempts.length > 1)).toBe(true)
      for (const hit of day.records.filter(isHit)) expect(hit.costUsd).toBe(0)
    } finally {
      await day.close()
    }
  },
)
