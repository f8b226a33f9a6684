import type { Redis } from 'ioredis'
import { createRedisQuota } from '../../packages/gateway/src/quota/redis/quota.ts'
import type { Limits, NanoUsd } from '../../packages/gateway/src/quota/store.ts'
import { type Link, RedisUnavailable } from '../../packages/gateway/src/redis/link.ts'

/** One call that a process let out, by the simulated time. `cost` is absent until the call has ended. */
export type Call = { process: number; at: number; worst: number; cost?: number }

export type Op =
  | { do: 'wait'; ms: number }
  | { do: 'burst'; process: number; calls: number; worst: number }
  | { do: 'end'; call: number; part: number }
  | { do: 'cut' | 'heal' | 'kill'; process: number }
  /** Redis executes this many of the next commands, and none of the replies arrives. */
  | { do: 'lose'; process: number; commands: number }
  | { do: 'join' }

type Member = {
  quota: ReturnType<typeof createRedisQuota>
  cut: boolean
  dead: boolean
  /** Commands that are still executed before the connection is cut; `undefined`: it is whole. */
  losing: number | undefined
  /** When it last had an answer, by the simulated time. */
  heardAt: number
}

/**
 * Processes that share one real Redis over connections that the schedule cuts, under a simulated clock. The scripts and
 * everything above the connection are the product's own; the log of calls is the oracle's.
 */
export function createWorld(client: Redis, team: string, limits: Limits) {
  let now = Date.UTC(2026, 10, 23, 9)
  let calls = 0
  const members: Member[] = []
  const log = new Map<string, Call>()

  function linkOf(member: () => Member): Link {
    return {
      async ask(command) {
        const self = member()
        const gone = () => new RedisUnavailable('cut off')
        if (self.cut || self.dead) throw gone()
        const lost = self.losing !== undefined
        if (self.losing !== undefined && self.losing-- <= 0) throw gone()
        const reply = await command(client)
        if (lost || self.cut || self.dead) throw gone()
        self.heardAt = now
        return reply
      },
      stats: () => ({ state: 'up', since: 0, commands: 0, timeouts: 0, errors: 0 }),
      close: () => undefined,
    }
  }

  function join() {
    const member: Member = {
      quota: createRedisQuota(
        linkOf(() => member),
        { clock: 'client', now: () => now },
      ),
      cut: false,
      dead: false,
      losing: undefined,
      heardAt: Number.NEGATIVE_INFINITY,
    }
    members.push(member)
  }

  async function reserve(process: number, worst: number): Promise<void> {
    const member = members[process % members.length]
    if (member === undefined || member.dead) return
    const id = `c${calls++}`
    const verdict = await member.quota.reserve({
      id,
      team,
      agent: 'a',
      model: 'm',
      limits,
      inputTokens: 10,
      maxOutputTokens: 10,
      worstCost: worst as NanoUsd,
      leaseMs: 900_000,
    })
    if (verdict.admitted && !member.dead) log.set(id, { process: process % members.length, at: now, worst })
  }

  async function end(at: number, part: number): Promise<void> {
    const open = [...log].filter(([, call]) => call.cost === undefined && !members[call.process]?.dead)
    const [id, call] = open[at % open.length] ?? []
    if (id === undefined || call === undefined) return
    call.cost = Math.floor(call.worst * part)
    await members[call.process]?.quota.settle({
      id,
      team,
      tokens: 20,
      learnOutputTokens: undefined,
      cost: call.cost as NanoUsd,
      doubt: 0 as NanoUsd,
    })
  }

  async function step(op: Op): Promise<void> {
    if (op.do === 'wait') now += op.ms
    else if (op.do === 'join') join()
    else if (op.do === 'end') await end(op.call, op.part)
    else if (op.do === 'burst')
      await Promise.all(Array.from({ length: op.calls }, () => reserve(op.process, op.worst)))
    else {
      const member = members[op.process % members.length]
      if (member === undefined) return
      if (op.do === 'cut') member.cut = true
      if (op.do === 'kill') member.dead = true
      if (op.do === 'lose') member.losing = op.commands
      if (op.do === 'heal') {
        member.cut = false
        member.losing = undefined
      }
    }
  }

  return {
    join,
    step,
    log: () => [...log.values()],
    members: () => members.length,
    /** Processes that have been out of touch for a minute, or were never in touch. */
    outOfTouch: () => members.filter(({ heardAt }) => now - heardAt >= 60_000).length,
    now: () => now,
    close() {
      for (const { quota } of members) quota.close()
    },
  }
}

/** The most that certainly was spent: what ended, at its cost; what is under way or was lost, at its worst. */
export const spent = (calls: Call[]) => calls.reduce((sum, { cost, worst }) => sum + (cost ?? worst), 0)

/** The most calls that any 60 seconds hold. */
export function worstMinute(calls: Call[]): number {
  const times = calls.map(({ at }) => at).toSorted((a, b) => a - b)
  return times.reduce((most, from, index) => {
    const end = times.findIndex((at) => at >= from + 60_000)
    return Math.max(most, (end === -1 ? times.length : end) - index)
  }, 0)
}
