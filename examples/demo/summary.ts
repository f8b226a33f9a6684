import type { CallRecord, Policy, Stats } from '@hotdash/llm-gateway'
import { isHit, nano, priceOf } from './prices.ts'
import type { Outcome, Run } from './run.ts'
import { type Column, count, dollars, millis, percent, table } from './table.ts'
import { AGENTS } from './tasks.ts'
import { busiestMinutes, sum } from './totals.ts'

type AgentRow = { name: string; records: CallRecord[] }

const agentColumns: Column<AgentRow>[] = [
  { title: 'agent', width: 12, of: ({ name }) => name },
  { title: 'calls', width: 5, right: true, of: ({ records }) => String(records.length) },
  { title: 'exact', width: 5, right: true, of: ({ records }) => String(where(records, 'exact')) },
  { title: 'flight', width: 6, right: true, of: ({ records }) => String(where(records, 'flight')) },
  { title: 'refused', width: 7, right: true, of: ({ records }) => String(refused(records)) },
  { title: 'tokens paid', width: 11, right: true, of: ({ records }) => count(tokensPaid(records)) },
  { title: 'cost', width: 12, right: true, of: ({ records }) => dollars(costOf(records)) },
  { title: 'saved', width: 12, right: true, of: ({ records }) => dollars(savedOf(records)) },
  { title: 'p50 ms', width: 6, right: true, of: ({ records }) => millis(latency(records, 0.5)) },
  { title: 'p95 ms', width: 6, right: true, of: ({ records }) => millis(latency(records, 0.95)) },
]

export function agentTable(records: CallRecord[]): string {
  const rows = AGENTS.map((name) => ({ name, records: records.filter(({ agent }) => agent === name) }))
  const worked = rows.filter(({ records }) => records.length > 0)
  return table(agentColumns, [...worked, { name: 'all', records }])
}

/** Summarises the gateway's day in sentences. */
export function remarks(records: CallRecord[]): string {
  const total = records.length
  const hits = records.filter(isHit).length
  const routed = (way: CallRecord['route']) => records.filter(({ route }) => route === way).length
  const limits = Map.groupBy(
    records.filter(({ status }) => status === 'refused'),
    ({ team, error }) => `${team}: ${error}`,
  )
  return [
    `${hits} of ${total} calls (${percent(hits, total)}) came from the cache or shared an answer under way.`,
    `${routed('escalated')} calls had long inputs and went to gpt-4o, ` +
      `${routed('failover')} failed over to it.`,
    ...[...limits].map(
      ([what, { length }]) =>
        `${length} calls were refused (${what}); that is the policy at work, no failure.`,
    ),
  ].join('\n')
}

type TeamRow = ReturnType<typeof busiestMinutes>[number] & { refused: number }

const teamColumns: Column<TeamRow>[] = [
  { title: 'team', width: 30, of: ({ name }) => name },
  { title: 'requests a minute', width: 17, right: true, of: ({ limit }) => String(limit ?? '-') },
  { title: 'most in one', width: 11, right: true, of: ({ most }) => String(most) },
  { title: 'refused', width: 7, right: true, of: ({ refused }) => String(refused) },
]

/** Summarises what nine processes shared. */
export function acrossProcesses(records: CallRecord[], all: Stats[], policy: Policy): string {
  const teams = busiestMinutes(records, policy).map((row) => ({
    ...row,
    refused: refused(records.filter(({ team }) => team === row.name)),
  }))
  const found = sum(all, ({ sharedCache }) => sharedCache?.hits)
  const followed = sum(all, ({ crossProcess: acrossProcesses }) => acrossProcesses?.followers)
  const commands = sum(all, ({ redis }) => redis?.commands)
  return [
    `Across ${all.length} processes: ${found} answers came out of Redis, ${followed} of them to calls that had waited while`,
    `another process asked; all with ${count(commands)} commands. Limits are kept by all of them together:`,
    '',
    table(teamColumns, teams),
  ].join('\n')
}

type Side = { title: string; upstream: number; nanos: number; wallMs: number; answered: number }

const sideColumns: Column<Side>[] = [
  { title: '', width: 12, of: ({ title }) => title },
  { title: 'steps done', width: 10, right: true, of: ({ answered }) => String(answered) },
  { title: 'upstream requests', width: 17, right: true, of: ({ upstream }) => String(upstream) },
  { title: 'cost', width: 12, right: true, of: ({ nanos }) => dollars(nanos) },
  { title: 'wall time', width: 9, right: true, of: ({ wallMs }) => `${(wallMs / 1_000).toFixed(2)} s` },
]

export type Comparison = { gateway: Run; records: CallRecord[]; sent: number; bare: Run; bareSent: number }

/** Compares both days, run one after the other against fakes of the same latency. */
export function comparison({ gateway, records, sent, bare, bareSent }: Comparison): string {
  const done = ({ outcomes }: Run) => outcomes.filter(({ work }) => work !== undefined)
  const refusedSteps = new Set(gateway.outcomes.filter(({ refusal }) => refusal).map(({ step }) => step.id))
  const costOfSteps = (outcomes: Outcome[]) => outcomes.reduce((sum, outcome) => sum + bareCost(outcome), 0)
  const refusedCost = costOfSteps(bare.outcomes.filter(({ step }) => refusedSteps.has(step.id)))
  const mine = costOf(records)
  const theirs = costOfSteps(bare.outcomes)
  const rows = [
    {
      title: 'gateway',
      upstream: sent,
      nanos: mine,
      wallMs: gateway.wallMs,
      answered: done(gateway).length,
    },
    {
      title: 'bare client',
      upstream: bareSent,
      nanos: theirs,
      wallMs: bare.wallMs,
      answered: done(bare).length,
    },
  ]
  const words = [inWords(done(gateway).length, mine, theirs - refusedCost)]
  if (refusedSteps.size > 0)
    words.push(
      `The ${refusedSteps.size} steps that were refused cost the bare client ${dollars(refusedCost)}.`,
    )
  return `${table(sideColumns, rows)}\n\n${words.join(' ')}`
}

/** A short day has few repetitions and saves little; the fallback model costs more. */
function inWords(steps: number, mine: number, like: number): string {
  const change = mine <= like ? `${percent(like - mine, like)} less` : `${percent(mine - like, like)} more`
  return `For the ${steps} steps that both did: ${dollars(mine)} instead of ${dollars(like)}, ${change}.`
}

/** Unit: billionths of a US dollar. */
export const bareCost = ({ work }: Outcome) =>
  (work?.used ?? []).reduce((sum, tokens) => sum + priceOf(tokens), 0)
export const costOf = (records: CallRecord[]) => records.reduce((sum, { costUsd }) => sum + nano(costUsd), 0)
export const savedOf = (records: CallRecord[]) =>
  records.reduce((sum, { savedUsd }) => sum + nano(savedUsd), 0)
export const refused = (records: CallRecord[]) => records.filter(({ status }) => status === 'refused').length
export const where = (records: CallRecord[], state: CallRecord['cache']) =>
  records.filter(({ cache }) => cache === state).length

function tokensPaid(records: CallRecord[]): number {
  return records
    .filter((record) => !isHit(record))
    .reduce((sum, { usage }) => sum + (usage?.input ?? 0) + (usage?.output ?? 0), 0)
}

function latency(records: CallRecord[], share: number): number | undefined {
  const answered = records.filter(({ status }) => status === 'ok').map(({ latencyMs }) => latencyMs)
  return answered.sort((a, b) => a - b)[Math.max(0, Math.ceil(answered.length * share) - 1)]
}
