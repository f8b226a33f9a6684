import { setImmediate } from 'node:timers/promises'
import type { Policy } from '@hotdash/llm-gateway'
import { createSimulation } from '@hotdash/llm-gateway/simulation'
import { dayOf } from '../alerting/day.ts'
import { counted, whole } from '../cli/format.ts'
import { createProgress } from '../cli/progress.ts'
import type { Past } from './calls.ts'
import { createOutcome, type Outcome } from './outcome.ts'

/** Calls between two moments at which Ctrl-C is heard and progress is shown. */
const CALLS_AT_ONCE = 2_000

/** Returns what happened, by the rows. */
export function recorded(past: readonly Past[], timezone: string): Outcome {
  const { outcome, add } = createOutcome('recorded', (at) => dayOf(at, timezone).date)
  for (const { row, call } of past) {
    if (call === undefined) continue
    const refused = row.status === 'refused' ? (row.error ?? 'refused') : undefined
    const { at, team, agent, cache = 'miss', cost_usd, saved_usd } = row
    const costUsd = refused === undefined ? cost_usd : 0
    add({ at, team, agent, cache, refused, costUsd, savedUsd: saved_usd })
  }
  return outcome
}

/** Returns what would have happened under a policy. @param processes Processes of each agent. */
export async function simulateUnder(
  { name, policy }: { name: string; policy: Policy },
  past: readonly Past[],
  processes: number,
): Promise<Outcome> {
  const { outcome, add } = createOutcome(name, (at) => dayOf(at, policy.timezone ?? 'UTC').date)
  const simulation = await createSimulation(policy, {
    processes,
    onEnd: ({ at, team, agent }, { cache, refused, cost, saved, isRefresh }) =>
      add({
        at,
        team,
        agent,
        cache,
        refused,
        costUsd: cost === undefined ? undefined : cost / 1e9,
        savedUsd: saved === undefined ? undefined : saved / 1e9,
        isRefresh,
      }),
  })
  let done = 0
  const progress = createProgress(() => `${name}: ${whole(done)} of ${counted(past.length, 'call')}`)
  for (const { call } of past) {
    if (call !== undefined) simulation.call(call)
    done += 1
    if (done % CALLS_AT_ONCE > 0) continue
    progress.tick()
    await setImmediate()
  }
  progress.end()
  const { commands, mostInSecond, processes: made, peakBytes } = simulation.finish()
  return { ...outcome, redis: { commands, mostInSecond, processes: made, peakBytes } }
}
