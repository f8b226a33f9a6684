import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  type CallRecord,
  createGatewayClient,
  hotdashPolicy,
  type Policy,
  type Stats,
} from '@hotdash/llm-gateway'
import type { Step } from './day.ts'
import type { Outcome, Take } from './run.ts'
import type { Places } from './sinks.ts'
import { AGENTS, type Agent } from './tasks.ts'

/** Messages to and from a worker process. */
export type Post = { agent: Agent; baseURL: string; redis: string; policy: Policy; places: Places }
export type Order = { type: 'step'; step: Step } | { type: 'finish' }
export type Told =
  | { type: 'record'; record: CallRecord }
  | { type: 'done'; id: string; outcome: Omit<Outcome, 'step'> }
  | { type: 'broken'; id: string; error: string }
  | { type: 'finished'; stats: Stats }

export type Fleet = { take: Take; finish: () => Promise<Stats[]>; policy: Policy }

/** HotDash's policy under unique team names: runs share no state with each other or with production. */
export function policyOfToday(): Policy {
  const day = crypto.randomUUID().slice(0, 8)
  const teams = Object.entries(hotdashPolicy.teams).map(([name, team]) => [`demo-${day}-${name}`, team])
  return {
    ...hotdashPolicy,
    version: 0,
    cache: { exact: { ttlSeconds: 600 } },
    teams: Object.fromEntries(teams),
  }
}

/** Returns the team of an agent in HotDash's policy. */
export const teamOf = (agent: string): string | undefined =>
  Object.entries(hotdashPolicy.teams).find(([, { agents }]) => agents.some((name) => name === agent))?.[0]

/** Starts nine processes, one per agent. They share only Redis and the upstream address. */
export function startFleet(
  start: { baseURL: string; redis: string; places: Places },
  onRecord: (record: CallRecord) => void,
): Fleet {
  const policy = policyOfToday()
  const waiting = new Map<string, { agent: Agent; resolve: (told: Told) => void }>()
  const workers = new Map(AGENTS.map((agent) => [agent, hire({ agent, policy, ...start })]))

  function hire(post: Post): ChildProcess {
    const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [JSON.stringify(post)])
    worker.on('message', (told: Told) => {
      if (told.type === 'record') onRecord(told.record)
      else if (told.type === 'finished') waiting.get(post.agent)?.resolve(told)
      else waiting.get(told.id)?.resolve(told)
    })
    worker.once('exit', (code) => {
      // Rejects all pending requests to this process; other processes may still be delivering records.
      for (const { agent, resolve } of waiting.values())
        if (agent === post.agent)
          resolve({ type: 'broken', id: agent, error: `${agent}'s process ended (${code})` })
    })
    return worker
  }

  function order(agent: Agent, id: string, order: Order): Promise<Told> {
    return new Promise((resolve) => {
      const answered = (told: Told) => {
        waiting.delete(id)
        resolve(told)
      }
      waiting.set(id, { agent, resolve: answered })
      workers.get(agent)?.send(order)
    })
  }

  return {
    policy,
    async take(step) {
      const told = await order(step.agent, step.id, { type: 'step', step })
      if (told.type === 'done') return { step, ...told.outcome }
      throw new Error(told.type === 'broken' ? told.error : `${step.agent} answered something else`)
    },
    async finish() {
      const told = await Promise.all(AGENTS.map((agent) => order(agent, agent, { type: 'finish' })))
      return told.map((each) => {
        if (each.type === 'finished') return each.stats
        throw new Error(each.type === 'broken' ? each.error : 'a process answered something else')
      })
    },
  }
}

/** Returns `undefined` if Redis answers, otherwise the reason why it does not. */
export async function troubleWith(redis: string): Promise<string | undefined> {
  const { gateway } = createGatewayClient({
    apiKey: 'none',
    gateway: { redis, metrics: false, langfuse: false, supabase: false },
  })
  const state = () => gateway.stats().redis
  for (let waited = 0; waited < 3_000 && state()?.state === 'connecting'; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const { state: found, lastError: trouble } = state() ?? { state: 'down', lastError: 'not configured' }
  await gateway.close(0)
  return found === 'up' ? undefined : (trouble ?? `it is ${found}`)
}
