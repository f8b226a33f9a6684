import type { Redis } from 'ioredis'
import type { NanoUsd } from '#src/core/money.ts'
import type { Limits } from '#src/core/team-limits.ts'
import { createRedisQuota } from '#src/quota/redis/quota.ts'
import { type RedisConnection, RedisUnavailable } from '#src/redis/connection.ts'
import { hashTag } from '#src/redis/hash-tag.ts'
import type { Call, Op } from './partition-calls.ts'

/** A command on its way to Redis. */
type Sent = { run: () => Promise<unknown>; resolve: (reply: unknown) => void; reject: (error: Error) => void }

type Member = {
  quota: ReturnType<typeof createRedisQuota>
  cut: boolean
  dead: boolean
  holding: boolean
  reset?: { isExecuted: boolean } | undefined
  restart?: 'to come' | 'between' | undefined
  /** In the order in which Redis executes them. */
  onTheWay: Sent[]
  /** When its connection was last cut, by the simulated time. */
  cutAt: number
  lastOutage?: { backAt: number; ms: number }
}

/** The sum of what is held: end, n$, end, n$, ... */
const HELD = `
  local packed, sum = redis.call('HGET', KEYS[1], 'held'), 0
  local held = packed and cmsgpack.unpack(packed) or {}
  for at = 2, #held, 2 do sum = sum + held[at] end
  return sum`

const gone = () => new RedisUnavailable('cut off')
/** The connection was lost, and there is a new one. */
class Reset extends RedisUnavailable {}

/**
 * Processes that share one real Redis over connections that the schedule cuts, under a simulated clock. The scripts and
 * everything above the connection are the product's own; the log of calls is the oracle's.
 */
export function createWorld(client: Redis, team: string, limits: Limits) {
  let now = Date.UTC(2026, 10, 23, 9)
  let calls = 0
  /** Commands that Redis is executing. */
  let running = 0
  const members: Member[] = []
  const log = new Map<string, Call>()

  /** The connection of one process: what is sent waits its turn, and what is cut off is lost. */
  function linkOf(member: () => Member): RedisConnection {
    const send = (run: () => Promise<unknown>) =>
      new Promise<unknown>((resolve, reject) => {
        const { reset, restart } = member()
        member().reset = undefined
        if (restart === 'to come') {
          member().restart = 'between'
          const lost = () => reject(gone())
          return void execute(run).then(lost, lost)
        }
        if (reset !== undefined) {
          const lost = () => reject(new Reset('connection lost'))
          return reset.isExecuted ? void execute(run).then(lost, lost) : lost()
        }
        member().onTheWay.push({ run, resolve, reject })
        if (!member().holding) void deliver(member(), 1, true)
      })
    const wire = {
      isCluster: false,
      options: {},
      evalsha: (...args: Parameters<Redis['evalsha']>) => send(() => client.evalsha(...args)),
      eval: (...args: Parameters<Redis['eval']>) => send(() => client.eval(...args)),
    } as unknown as Redis
    return {
      async run(command) {
        if (member().cut || member().dead) throw gone()
        if (member().restart === 'between') {
          member().restart = undefined
          throw gone()
        }
        try {
          return await command(wire)
        } catch (error) {
          if (!(error instanceof Reset) || member().cut || member().dead) throw error
          return await command(wire)
        }
      },
      lastOutage: () => member().lastOutage,
      availableWithin: async () => member().restart === 'between',
      unavailableMs: () => (member().cut ? now - member().cutAt : 0),
      stats: () => ({ state: 'up', since: 0, commands: 0, timeouts: 0, errors: 0 }),
      fault: () => undefined,
      close: () => undefined,
    }
  }

  async function execute(run: Sent['run']): Promise<unknown> {
    running += 1
    try {
      return await run()
    } finally {
      running -= 1
    }
  }

  async function deliver(member: Member, commands: number, replies: boolean): Promise<void> {
    for (const { run, resolve, reject } of member.onTheWay.splice(0, commands)) {
      const outcome = await execute(run).then(
        (reply) => () => resolve(reply),
        (error: Error) => () => reject(error),
      )
      if (replies && !member.cut && !member.dead) outcome()
      else reject(gone())
    }
    await settled()
  }

  function cut(member: Member) {
    if (!member.cut) member.cutAt = now
    member.cut = true
    member.holding = false
    for (const { reject } of member.onTheWay.splice(0)) reject(gone())
  }

  function join(isCut = false) {
    const member: Member = {
      quota: createRedisQuota(
        linkOf(() => member),
        // Told when the schedule says so.
        { clock: 'client', now: () => now, reportMs: 3_600_000 },
      ),
      cut: isCut,
      dead: false,
      holding: false,
      onTheWay: [],
      cutAt: now,
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

  const open = () => [...log].filter(([, call]) => call.cost === undefined && !members[call.process]?.dead)

  async function end(at: number, part: number): Promise<void> {
    const calls = open()
    const [id, call] = calls[at % calls.length] ?? []
    if (id === undefined || call === undefined) return
    call.cost = Math.floor(call.worst * part)
    await members[call.process]?.quota.settle({
      id,
      team,
      tokens: 20,
      learnOutputTokens: undefined,
      cost: call.cost as NanoUsd,
      unconfirmed: 0 as NanoUsd,
    })
  }

  /** What waits for no command on its way has come to rest after a few turns. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
  }

  async function step(op: Op): Promise<void> {
    if (op.do === 'wait') {
      now += op.ms
      return
    }
    if (op.do === 'join') return join(op.cut)
    if (op.do === 'cutAll') {
      for (const member of members) cut(member)
      return
    }
    if (op.do === 'healAll') {
      for (const [process] of members.entries()) await step({ do: 'heal', process })
      return
    }
    if (op.do === 'end') return await whileMoving(end(op.call, op.part))
    const member = members[op.process % members.length]
    if (member === undefined) return
    if (op.do === 'burst')
      await whileMoving(Promise.all(Array.from({ length: op.calls }, () => reserve(op.process, op.worst))))
    if (op.do === 'tell') {
      member.quota.report()
      await whileMoving(Promise.resolve())
    }
    if (op.do === 'hold') member.holding = !member.cut
    if (op.do === 'deliver') await deliver(member, op.commands, true)
    if (op.do === 'reset') member.reset = op
    if (op.do === 'restart') member.restart = 'to come'
    if (op.do === 'lose') {
      await deliver(member, op.commands, false)
      cut(member)
    }
    if (op.do === 'cut') cut(member)
    if (op.do === 'kill') {
      member.dead = true
      cut(member)
    }
    if (op.do === 'heal') {
      if (member.cut) member.lastOutage = { backAt: 0, ms: 0 }
      member.cut = false
      member.holding = false
      await deliver(member, member.onTheWay.length, true)
    }
    await settled()
  }

  /** Until it has ended, or all that it waits for is on its way. */
  async function whileMoving(work: Promise<unknown>): Promise<void> {
    let done = false
    void work.finally(() => {
      done = true
    })
    do await settled()
    while (!done && running > 0)
  }

  return {
    join,
    step,
    log: () => [...log.values()],
    members: () => members.length,
    stats: () => members.map(({ quota }) => quota.stats()),
    /** Everything is mended, every call ends, and Redis hears of all that there is. */
    async rest(part = 1) {
      await step({ do: 'healAll' })
      while (open().length > 0) await step({ do: 'end', call: 0, part })
      const alive = members.filter(({ dead }) => !dead)
      while (alive.some(({ quota }) => quota.stats().queued > 0)) {
        for (const { quota } of alive) quota.report()
        await whileMoving(new Promise((resolve) => setTimeout(resolve, 5)))
      }
    },
    /** What Redis holds of the day, in n$. */
    async books() {
      const fields = ['spent', 'doubt', 'inherited']
      const key = `gw:{${hashTag(team)}}:quota`
      const [spent, doubt, inherited] = (await client.hmget(key, ...fields)).map(Number)
      return { spent, doubt, inherited, held: await client.eval(HELD, 1, key) }
    },
    /** Number of processes that have been cut off for a minute. */
    apart: () => members.filter(({ cut, cutAt }) => cut && now - cutAt >= 60_000).length,
    now: () => now,
    async close() {
      for (const member of members) {
        cut(member)
        member.quota.close()
      }
      await settled()
    },
  }
}
