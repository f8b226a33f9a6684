import type { CallRecord, Policy, Stats } from '@hotdash/llm-gateway'
import { teamOf } from './fleet.ts'
import { isHit, nano } from './prices.ts'
import type { Outcome, Run } from './run.ts'
import { bareCost, costOf, refused, savedOf, where } from './summary.ts'
import { busiestMinutes, sum } from './totals.ts'

/** Checks the day's results. Returns one sentence per failed check. */
export function breaches(run: Run, records: CallRecord[], stats: Stats): string[] {
  return [
    ...againstStats(records, stats),
    ...freeHits(records),
    ...sameAnswers(run, records),
    ...routes(run, records),
  ]
}

function againstStats(records: CallRecord[], stats: Stats): string[] {
  const pairs: [what: string, told: number, seen: number][] = [
    ['calls', stats.calls, records.length],
    ['refused', stats.refused, refused(records)],
    ['exact hits', stats.cache.exact, where(records, 'exact')],
    ['shared flights', stats.cache.flight, where(records, 'flight')],
    ['upstream requests', stats.upstream, records.reduce((sum, { attempts }) => sum + attempts.length, 0)],
    ['billionths of cost', nano(stats.costUsd), costOf(records)],
    ['billionths saved', nano(stats.savedUsd), savedOf(records)],
    ['failed', stats.failed + stats.aborted, 0],
    ['pending', stats.pending, 0],
    ['unpriced', stats.unpriced, 0],
    ['faults', stats.faults + stats.hookErrors, 0],
  ]
  return pairs
    .filter(([, told, seen]) => told !== seen)
    .map(([what, told, seen]) => `stats() says ${told} ${what}, expected ${seen}`)
}

function freeHits(records: CallRecord[]): string[] {
  return records
    .filter((record) => isHit(record) && (record.costUsd !== 0 || record.attempts.length > 0))
    .map(({ agent, cache, costUsd }) => `${agent}: a hit (${cache}) went upstream or cost $${costUsd}`)
}

/** Calls that share an answer get the same answer as the first call. */
function sameAnswers({ outcomes }: Run, records: CallRecord[]): string[] {
  const byStep = Map.groupBy(records, ({ trace }) => trace)
  const first = new Map<string, string>()
  const hitsOf = ({ step }: Outcome) => byStep.get(step.id)?.every(isHit) ?? false
  for (const outcome of outcomes)
    if (outcome.work !== undefined && !hitsOf(outcome)) first.set(keyOf(outcome), outcome.work.text)
  return outcomes
    .filter((outcome) => outcome.work !== undefined && hitsOf(outcome))
    .filter((outcome) => first.get(keyOf(outcome)) !== outcome.work?.text)
    .map(({ step }) => `${step.clock} ${step.agent} (${step.id}): the shared answer is not the first one's`)
}

/** Answers are shared within a team. */
const keyOf = ({ step }: Outcome) => JSON.stringify([teamOf(step.agent), step.task])

function routes({ outcomes }: Run, records: CallRecord[]): string[] {
  const long = new Set(outcomes.filter(({ step }) => step.long).map(({ step }) => step.id))
  return records
    .filter(({ trace, route }) => long.has(trace ?? '') !== (route === 'escalated'))
    .map(
      ({ agent, route, trace }) => `${agent} (${trace}): route ${route} does not fit the length of its input`,
    )
}

/** Cost plus savings of each gateway step equals the bare client's cost, to the billionth of a dollar. */
export function againstBare(records: CallRecord[], sent: number, bare: Run, stats: Stats): string[] {
  const byStep = Map.groupBy(records, ({ trace }) => trace)
  const counted =
    sent === stats.upstream ? [] : [`upstream saw ${sent} requests, stats() says ${stats.upstream}`]
  const priced = bare.outcomes.flatMap((outcome) => {
    const mine = byStep.get(outcome.step.id) ?? []
    // The fallback model has its own price; a refused call has no cost.
    if (mine.some(({ route, status }) => route === 'failover' || status !== 'ok')) return []
    const [told, paid] = [costOf(mine) + savedOf(mine), bareCost(outcome)]
    return told === paid
      ? []
      : [`${outcome.step.agent} (${outcome.step.id}): worth ${told}, the bare client paid ${paid}`]
  })
  return [...counted, ...priced]
}

/** Checks that nine processes share answers, calls in flight, and limits. */
export function fleetBreaches(records: CallRecord[], all: Stats[], policy: Policy): string[] {
  const found: string[] = []
  if (sum(all, ({ sharedCache }) => sharedCache?.hits) === 0)
    found.push("no process found another's answer in Redis")
  if (sum(all, ({ crossProcess: acrossProcesses }) => acrossProcesses?.followers) === 0)
    found.push("no process shared another's call")
  for (const { redis, quota, sharedCache } of all) {
    const errors = (quota?.errors ?? 0) + (sharedCache?.errors ?? 0)
    if (redis?.state !== 'up' || errors > 0) found.push(`Redis is ${redis?.state}, with ${errors} errors`)
  }
  for (const { name, limit, most } of busiestMinutes(records, policy))
    if (limit !== undefined && most > limit)
      found.push(`${name}: ${most} requests in a minute, the limit is ${limit}`)
  return found
}
