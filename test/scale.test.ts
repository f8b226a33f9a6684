import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Units } from './bench/scale/measure.ts'
import { breaksAt, FLEET, type Fleet, LIMITS, quotaOf, usesOf } from './bench/scale/model.ts'
import { tableOf } from './bench/scale/table.ts'

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
const units = JSON.parse(read('bench/scale/units.json')) as Units
const tables = [
  ...read('../docs/scale.md').matchAll(/^<!-- npm run bench:scale -- (.+) -->\n```text\n([\s\S]*?)\n?```/gm),
].map(([, options = '', table = '']) => ({ options, table }))

const fleetOf = (options: string): Fleet => ({
  ...FLEET,
  ...Object.fromEntries(
    [...options.matchAll(/--(\w+) ([\d.]+)/g)].map(([, name, value]) => [name, Number(value)]),
  ),
})

test.each(tables)(
  'docs/scale.md: the table of $options is the one that the model gives',
  ({ options, table }) => {
    expect(table).toBe(tableOf(fleetOf(options), units, LIMITS))
  },
)

describe('the model', () => {
  test('a resource is full at the calls a second that it names, and not just below', () => {
    for (const resource of ['Redis, one core', 'Redis commands', 'Langfuse requests']) {
      const calls = breaksAt(FLEET, units, LIMITS, resource)
      const part = (of: number) => {
        const use = usesOf({ ...FLEET, calls: of }, units, LIMITS).uses.find(
          (one) => one.resource === resource,
        )
        return (use?.used ?? 0) / (use?.limit ?? 1)
      }
      expect(part(calls * 1.001)).toBeGreaterThanOrEqual(1)
      expect(part(calls * 0.999)).toBeLessThan(1)
    }
  })

  test('every call is either decided by Redis or by a lease, and reports hold all that happened', () => {
    for (const misses of [0.01, 0.5, 3, 40, 500])
      for (const seconds of [0.01, 2]) {
        const { decided, leased, reports, rows } = quotaOf(misses, seconds)
        expect(decided + leased).toBeCloseTo(misses)
        expect(reports * rows).toBeCloseTo(leased * (seconds > 0.1 ? 2 : 1))
        expect(reports).toBeLessThanOrEqual(10)
      }
  })

  test('more of anything never uses less of Redis', () => {
    const used = (fleet: Partial<Fleet>) => {
      const { parts } = usesOf({ ...FLEET, ...fleet }, units, LIMITS)
      return parts.reduce((sum, { perSecond, us }) => sum + perSecond * us, 0)
    }
    for (const more of [
      { calls: 2 },
      { processes: 200 },
      { semantic: 0.5 },
      { crossProcess: true },
      { answerBytes: 9_000 },
      { memoryHits: 0 },
    ])
      expect(used(more), JSON.stringify(more)).toBeGreaterThan(used({}))
    expect(used({ limited: 0 })).toBeLessThan(used({}))
  })
})
