import type { CallRecord, Stats } from '@hotdash/llm-gateway'
import { isHit, micro } from './prices.ts'
import type { Outcome, Run } from './run.ts'
import { bareCost, costOf, refused, savedOf, where } from './summary.ts'

/** Everything that must hold after a day, each breach as a sentence. */
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
    ['millionths of cost', micro(stats.costUsd), costOf(records)],
    ['millionths saved', micro(stats.savedUsd), savedOf(records)],
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

/** Whoever shares an answer gets the very answer that the first one got. */
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

const keyOf = ({ step }: Outcome) => JSON.stringify([step.agent, step.task])

function routes({ outcomes }: Run, records: CallRecord[]): string[] {
  const long = new Set(outcomes.filter(({ step }) => step.long).map(({ step }) => step.id))
  return records
    .filter(({ trace, route }) => long.has(trace ?? '') !== (route === 'escalated'))
    .map(
      ({ agent, route, trace }) => `${agent} (${trace}): route ${route} does not fit the length of its input`,
    )
}

/** What the gateway says a step cost and saved is what the bare client paid, to the millionth of a dollar. */
export function againstBare(records: CallRecord[], sent: number, bare: Run, stats: Stats): string[] {
  const byStep = Map.groupBy(records, ({ trace }) => trace)
  const counted =
    sent === stats.upstream ? [] : [`upstream saw ${sent} requests, stats() says ${stats.upstream}`]
  const priced = bare.outcomes.flatMap((outcome) => {
    const mine = byStep.get(outcome.step.id) ?? []
    // The fallback model has its own price, and a refused call has none.
    if (mine.some(({ route, status }) => route === 'failover' || status !== 'ok')) return []
    const [told, paid] = [costOf(mine) + savedOf(mine), bareCost(outcome)]
    return told === paid
      ? []
      : [`${outcome.step.agent} (${outcome.step.id}): worth ${told}, the bare client paid ${paid}`]
  })
  return [...counted, ...priced]
}
