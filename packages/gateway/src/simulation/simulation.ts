import type { NanoUsd } from '../core/money.ts'
import type { Policy } from '../core/policy.ts'
import type { CacheState } from '../core/record.ts'
import type { RefusalCode } from '../core/refusal-codes.ts'
import type { Usage } from '../core/usage.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { createPriceBook } from '../pricing/price-book.ts'
import { createCallers } from './callers.ts'
import { createCommands } from './commands.ts'
import { keyOf } from './key.ts'
import { createLimits } from './limits.ts'
import { modelFor } from './model.ts'
import type { PastCall, SimulatedEnd } from './past-call.ts'
import type { Running } from './running.ts'
import { createStored } from './stored.ts'
import { createTimeline } from './timeline.ts'
import { createTypical } from './typical.ts'

export type { PastCall, SimulatedEnd } from './past-call.ts'

const NO_MONEY = 0 as NanoUsd

type Options = {
  /** Processes of each agent. @default 1 */
  processes?: number
  /** Receives each call once it has ended, in the order of the ends. */
  onEnd: (call: PastCall, end: SimulatedEnd) => void
}

/** What the calls took in Redis. `bytes` are estimates; `mostInSecond`: commands of the busiest second. */
export type SimulatedRedis = {
  commands: number
  mostInSecond: number
  processes: number
  peakBytes: number
}

export type Simulation = {
  /** Takes a call, which must not begin before an earlier one. */
  call: (call: PastCall) => void
  /** Lets the calls under way end. */
  finish: () => SimulatedRedis
}

/**
 * Creates a simulation of calls under a policy, in compressed time: the limits, prices, callers and rules of models are those
 * of the gateway itself; cache and upstream are models. Answers have the tokens of the past, whatever the model; upstream
 * fails as it did, and no other model is asked then.
 */
export async function createSimulation(
  policy: Policy,
  { processes = 1, onEnd }: Options,
): Promise<Simulation> {
  const clock = { now: 0 }
  const prices = createPriceBook(policy.models ?? {})
  // Loads the price library, after which each price is known at once.
  await prices.rates('')
  const callerOf = createCallers(policy)
  const limits = createLimits(prices, () => clock.now)
  const timeline = createTimeline()
  const commands = createCommands(processes)
  const stored = createStored()
  const typical = createTypical()
  const running = new Map<string, Running>()
  let ids = 0
  const nextId = () => {
    ids += 1
    return String(ids)
  }

  const atOnce = <T>(value: T | Promise<T>): T | undefined => (value instanceof Promise ? undefined : value)
  const costOf = (model: string, usage: Usage) => atOnce(prices.cost(model, usage))

  function take(call: PastCall) {
    const name = `${call.agent} ${call.operation}`
    if (!call.unbilled) typical.learn(name, call.usage, call.upstreamMs)
    const caller = callerOf(call)
    const usage = call.usage ?? typical.usage(name)
    const { model, route, isForbidden } = modelFor(call, caller, policy)
    const refused = caller.refusal?.code ?? (isForbidden ? 'gateway_model_not_allowed' : undefined)
    if (refused !== undefined) return refuse({ call, model, route }, refused)
    const process = commands.processFor(call.agent)
    commands.meter(process, clock.now)
    const id = nextId()
    const shares = caller.cacheable && call.cacheable && caller.mode === 'embedded'
    const key = shares ? keyOf(call, caller, model, id) : undefined
    const common = { call, caller, model, route, usage, key, process, waitedMs: 0 }
    const mine: Running = { ...common, id, isRefresh: false, followers: [] }
    if (key === undefined) return ask(mine)
    if (caller.exact !== undefined) {
      commands.lookUp(process, key, clock.now)
      const found = stored.find(key, clock.now)
      if (found !== 'none') {
        commands.remember(process, key, clock.now)
        if (found === 'stale' && stored.refreshes(key)) ask({ ...mine, id: nextId(), isRefresh: true })
        return endCached(mine, found === 'fresh' ? 'exact' : 'stale')
      }
    }
    const mode = caller.semantic?.mode
    if (call.semanticHit && (mode === 'on' || mode === 'auto')) return endCached(mine, 'semantic')
    const leader = running.get(key)
    if (leader !== undefined) leader.followers.push({ call, route })
    else {
      running.set(key, mine)
      ask(mine)
    }
  }

  /** Asks upstream once the limits allow it. */
  function ask(mine: Running) {
    const { call, caller } = mine
    if (caller.limits !== undefined) commands.limit(mine.process, clock.now)
    const denied = limits.admit(mine)
    if (denied !== undefined) {
      const waitedMs = mine.waitedMs + (denied.retryAfterMs ?? Number.POSITIVE_INFINITY)
      if (caller.onLimit !== 'wait' || waitedMs > caller.maxWaitMs) return endRefused(mine, denied.code)
      timeline.add(clock.now + (denied.retryAfterMs ?? 0), () => ask({ ...mine, waitedMs }))
      return
    }
    const ms = call.upstreamMs ?? typical.upstreamMs(`${call.agent} ${call.operation}`)
    timeline.add(clock.now + ms, () => answer(mine))
  }

  /** Upstream has answered: the limits get back what was not used, and the answer is stored. */
  function answer(mine: Running): void {
    const { call, caller, model, route, usage, key, id } = mine
    const cost = call.unbilled ? NO_MONEY : costOf(model, usage)
    limits.settle(mine, cost)
    if (key !== undefined && caller.exact !== undefined && !call.failed && caller.exact.ttlSeconds > 0) {
      commands.store(clock.now)
      commands.remember(mine.process, key, clock.now)
      const isVector = OPERATIONS[call.operation].routedBy === 'embeddings'
      const tokens = isVector ? undefined : usage.output
      const keptUntil = stored.store(key, clock.now, caller.exact, tokens)
      timeline.add(keptUntil, () => stored.expire(key, clock.now))
    }
    if (key !== undefined && running.get(key)?.id === id) running.delete(key)
    const cache: CacheState = key === undefined ? 'bypass' : 'miss'
    const { waitedMs, isRefresh } = mine
    const ended = { model, route, at: clock.now, waitedMs, ...(isRefresh && { isRefresh }) }
    onEnd(call, { ...ended, cache, ...(cost !== undefined && { cost }) })
    for (const follower of mine.followers)
      onEnd(follower.call, { ...ended, ...avoided(cost), route: follower.route, cache: 'flight' })
  }

  const avoided = (saved: NanoUsd | undefined) => ({ cost: NO_MONEY, ...(saved !== undefined && { saved }) })

  function endCached({ call, model, route, usage }: Running, cache: CacheState): void {
    onEnd(call, { cache, model, route, at: clock.now, waitedMs: 0, ...avoided(costOf(model, usage)) })
  }

  function endRefused(mine: Running, code: RefusalCode): void {
    if (mine.key !== undefined && running.get(mine.key)?.id === mine.id) running.delete(mine.key)
    refuse(mine, code)
    for (const { call, route } of mine.followers) refuse({ call, model: mine.model, route }, code)
  }

  function refuse(
    {
      call,
      model,
      route,
      waitedMs = 0,
      isRefresh = false,
    }: Pick<Running, 'call' | 'model' | 'route'> & Partial<Running>,
    refused: RefusalCode,
  ): void {
    const ended = { model, route, at: clock.now, waitedMs, ...(isRefresh && { isRefresh }) }
    onEnd(call, { ...ended, cache: 'bypass', cost: NO_MONEY, refused })
  }

  const onTime = (at: number) => {
    clock.now = Math.max(clock.now, at)
  }

  return {
    call(call) {
      timeline.runUntil(call.at, onTime)
      onTime(call.at)
      take(call)
    },
    finish() {
      timeline.runUntil(Number.POSITIVE_INFINITY, onTime)
      const { sent, mostInSecond, processes } = commands.counts()
      return { commands: sent, mostInSecond, processes, peakBytes: stored.peakBytes() }
    },
  }
}
