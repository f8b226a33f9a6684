import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take longest, most of it waiting, longest first. Begun before all others, none of them runs alone at the end, and
 * others use the processors while they wait.
 */
const LONGEST = [
  'test/redis/burst.test.ts',
  'test/redis/quota-faults-leases.test.ts',
  'test/redis/quota-faults-alone.test.ts',
  'test/redis/quota-faults-loss.test.ts',
  'test/monitor/command.test.ts',
  'test/redis/flight.test.ts',
  'test/langfuse/faults.test.ts',
  'test/supabase/outage.test.ts',
  'test/report/command-sources.test.ts',
  'test/report/command-forms.test.ts',
  'test/redis/cost-day.test.ts',
  'test/lazy-modules.test.ts',
  'test/behaviours/ways.test.ts',
  'test/conformance/hostile-shapes.test.ts',
  'test/conformance/answers.test.ts',
  'test/redis/semantic-hostile-redis.test.ts',
  'test/langfuse/busy.test.ts',
  'test/supabase/redis-faults.test.ts',
  'test/supabase/sink-faults.test.ts',
  'test/live/last-resort.test.ts',
  'test/live/processes.test.ts',
  'test/redis/fleet.test.ts',
  'test/infra/rehearsal.test.ts',
  'test/report/page.test.ts',
  'test/report/figures.test.ts',
  'test/faults/ends.test.ts',
  'test/redis/demo.test.ts',
  'test/demo-sinks.test.ts',
  'test/redis/semantic-signed-answers.test.ts',
  'test/redis/silent.test.ts',
  'test/redis/quota-conformance.test.ts',
  'test/redis/across.test.ts',
]

/** Place of a file in the list, or after it. */
const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = LONGEST.findIndex((file) => moduleId.endsWith(`/${file}`))
  return place === -1 ? LONGEST.length : place
}

/** Starts the longest files first, and the others in the order of Vitest. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => placeOf(one) - placeOf(other))
  }
}
