import { setTimeout as sleep } from 'node:timers/promises'
import type { NanoUsd } from '#src/core/money.ts'
import type { Limits } from '#src/core/team-limits.ts'
import { createRedisQuota } from '#src/quota/redis/quota.ts'
import { createRedisConnection } from '#src/redis/connection.ts'

/** What a process of the fleet is told to do. */
export type Job = {
  team: string
  limits: Limits
  seconds: number
  /** Goes on afterwards until `stop`: the machine may be so busy that the limit is not reached before. */
  exhausts?: boolean
  /** Calls at a time. */
  calls: number
  /** The longest that a call takes, in milliseconds. */
  callMs: number
  worstCost: number
  maxTokens: number
  leaseMs: number
}

/** What it tells: a call left for upstream at that moment, and what became of it. */
export type Told =
  | { type: 'ready' }
  | { type: 'left'; id: string; at: number; cost: number; tokens: number }
  | { type: 'ended'; id: string; cost: number; tokens: number }
  | { type: 'refused' }
  | { type: 'done'; refused: number; stats: ReturnType<ReturnType<typeof createRedisQuota>['stats']> }

const [url = '', processes = '1'] = process.argv.slice(2)
// Patient: how long the machine takes is not what is tested.
const link = createRedisConnection(url, { deadlineMs: 1_000, connectMs: 2_000, onChange: () => undefined })
const quota = createRedisQuota(link, { processes: Number(processes) })
const tell = (told: Told) => void process.send?.(told)
const upTo = (most: number) => Math.floor(Math.random() * (most + 1))

let stopped = false

async function work(job: Job) {
  stopped = false
  const until = Date.now() + job.seconds * 1_000
  let refused = 0
  async function caller() {
    while (Date.now() < until || (job.exhausts && !stopped)) {
      const id = crypto.randomUUID()
      const verdict = await quota.reserve({
        id,
        team: job.team,
        agent: 'a',
        model: 'm',
        limits: job.limits,
        inputTokens: 0,
        maxOutputTokens: job.maxTokens,
        worstCost: job.worstCost as NanoUsd,
        leaseMs: job.leaseMs,
      })
      if (!verdict.admitted) {
        refused += 1
        if (job.exhausts) tell({ type: 'refused' })
        await sleep(Math.min(verdict.retryAfterMs ?? 100, 10 + upTo(40)))
        continue
      }
      tell({ type: 'left', id, at: Date.now(), cost: job.worstCost, tokens: job.maxTokens })
      await sleep(upTo(job.callMs))
      const [cost, tokens] = [upTo(job.worstCost), upTo(job.maxTokens)]
      tell({ type: 'ended', id, cost, tokens })
      await quota.settle({
        id,
        team: job.team,
        tokens,
        learnOutputTokens: tokens,
        cost: cost as NanoUsd,
        unconfirmed: 0 as NanoUsd,
      })
    }
  }
  await Promise.all(Array.from({ length: job.calls }, caller))
  await Promise.race([quota.settled(), sleep(3_000)])
  tell({ type: 'done', refused, stats: quota.stats() })
}

process.on('message', (told: Job | 'stop') => {
  if (told === 'stop') stopped = true
  else void work(told)
})
process.on('disconnect', () => process.exit())
tell({ type: 'ready' })
