import { LRUCache } from 'lru-cache'
import { attempt, detached, type Fault } from '../../util/faults.ts'
import { clearTimer, setSoon, setTimer } from '../../util/timers.ts'
import { createExpectation } from '../expectation.ts'
import type { Reservation, Settlement, Verdict } from '../store.ts'
import type { Zone } from './day-boundary.ts'
import type { LocalShare } from './local-share.ts'
import type { Load, Reserved } from './protocol.ts'
import { age, type Call, closeReport, isPending, type Team, type UsageReport } from './report-rows.ts'
import { knownOf, wholeTokens, wholeUsd } from './wire.ts'

/** What was admitted and settled without asking is told so long after the first of it. */
const REPORT_MS = 100
/** And at once, if there is so much of it. */
const MAX_UNREPORTED = 64
/** While Redis is away, or answers with errors. */
const RETRY_MS = 250
/** Ids that are remembered after their calls have ended: a repetition of them is answered as the first time. */
const MAX_IDS = 2_000
const WORK = 'what was admitted without asking'

export type ReporterOptions = {
  steady: () => number
  /** How long what is to be told may wait, in milliseconds. @default 100 */
  reportMs: number | undefined
  /** Asks Redis for nothing but to hear the team's tab and to renew its lease. Never rejects. */
  report: (need: Reservation) => Promise<void>
  fault: Fault
}

/**
 * Admits calls by this process's lease while Redis is there, without asking it, and tells it of them afterwards: of all
 * at once, with the next reservation that it is asked for or a moment later. Each tab has a number, and the next one is
 * closed only once Redis has heard of it, so that it can be told as often as needed and counts once.
 */
export function createReporter(
  share: LocalShare,
  { steady, reportMs = REPORT_MS, report, fault }: ReporterOptions,
) {
  const teams = new Map<string, Team>()
  /** Admitted here, until Redis has heard how they ended. */
  const calls = new Map<string, Call>()
  /** Answered here, or by Redis. */
  const answered = new LRUCache<string, Verdict | 'by Redis'>({ max: MAX_IDS })
  const expectation = createExpectation()
  let timer: NodeJS.Timeout | undefined
  let isSoon = false

  function teamOf(name: string, need: Reservation): Team {
    let team = teams.get(name)
    if (team === undefined) {
      team = {
        need,
        number: 0,
        unreported: new Set(),
        ended: [],
        report: undefined,
        isInFlight: false,
        isDue: false,
      }
      teams.set(name, team)
    }
    team.need = need
    return team
  }

  function tokensOf({ agent, model, limits, inputTokens, maxOutputTokens }: Reservation): number {
    const [input, most] = [wholeTokens(inputTokens), wholeTokens(maxOutputTokens)]
    return input + (limits.tpmMode === 'strict' ? most : Math.min(most, expectation.output(agent, model)))
  }

  /** `undefined`: Redis is to be asked. */
  function reserve(reservation: Reservation, zone: Zone): Verdict | undefined {
    const { id } = reservation
    const known = calls.get(id)?.verdict ?? answered.get(id)
    if (known !== undefined) return known === 'by Redis' ? undefined : known
    const whole = { ...reservation, worstCost: wholeUsd(reservation.worstCost) as Reservation['worstCost'] }
    const tokens = tokensOf(reservation)
    const taken = share.take(whole, tokens, zone)
    if (taken === undefined) return undefined
    const { verdict, isLow } = taken
    const call: Call = { reservation: whole, verdict, at: steady(), tokens }
    calls.set(id, call)
    const team = teamOf(reservation.team, whole)
    team.unreported.add(call)
    if (isLow || team.unreported.size >= MAX_UNREPORTED) soon(team)
    else later()
    return verdict
  }

  /** False: it was not admitted here. */
  function settle(settlement: Settlement): boolean {
    const { id, team: name } = settlement
    const call = calls.get(id)
    const team = teams.get(name)
    if (call === undefined || team === undefined) return typeof answered.get(id) === 'object'
    if (call.end !== undefined) return true
    const { agent, model, worstCost } = call.reservation
    const { tokens, cost, unconfirmed, learn } = knownOf(settlement)
    const end = {
      tokens: tokens < 0 ? call.tokens : tokens,
      cost: cost < 0 ? worstCost : cost,
      unconfirmed,
      learn,
    }
    call.end = end
    if (learn >= 0) expectation.learn(agent, model, learn)
    if (call.reported !== undefined) team.ended.push(call)
    // What Redis may have been told as under way is in its books as such, and gives nothing back to the lease.
    else if (team.unreported.has(call)) share.correct(name, id, end.tokens, end.cost + end.unconfirmed)
    later()
    return true
  }

  /** Said in the moment in which a command leaves: what it is to tell, if no other command is telling it. */
  function take(name: string): UsageReport | undefined {
    const team = teams.get(name)
    if (team === undefined || team.isInFlight) return undefined
    if (team.report === undefined && !isPending(team)) return undefined
    team.report ??= closeReport(team, steady())
    team.isInFlight = true
    return team.report
  }

  /** Redis has heard it. Returns what of it counts for the team's minute. */
  function acknowledge(
    name: string,
    report: UsageReport,
    { report: { clock, time }, epoch }: Reserved,
  ): Load {
    const load = { requests: 0, tokens: 0 }
    const team = teams.get(name)
    if (team === undefined) return load
    team.isInFlight = false
    team.report = undefined
    for (const { call, row } of report.lines) {
      const { id, requests = 1 } = call.reservation
      if (row !== 'end') {
        load.requests += requests
        load.tokens += row === 'ended' ? (call.end?.tokens ?? 0) : call.tokens
        share.forget(name, id)
      } else load.tokens += Math.max(0, (call.end?.tokens ?? 0) - call.tokens)
      if (row === 'open') {
        call.reported = { clock, time, epoch, age: age(report.closedAt, call.at) }
        if (call.end !== undefined) team.ended.push(call)
      } else forget(call)
    }
    if (isPending(team)) later()
    return load
  }

  function forget({ reservation: { id }, verdict }: Call) {
    calls.delete(id)
    answered.set(id, verdict)
  }

  /** It will be told again, under the same number. */
  function failed(name: string) {
    const team = teams.get(name)
    if (team === undefined) return
    team.isInFlight = false
    again()
  }

  const flush = () => {
    for (const team of teams.values())
      if (!team.isInFlight && (team.isDue || team.report !== undefined || isPending(team))) {
        team.isDue = false
        detached(report(team.need), fault, WORK)
      }
  }

  function onTimer() {
    timer = undefined
    flush()
  }

  /** A program that ends by itself waits for it. */
  function later() {
    timer ??= setTimer(attempt, reportMs, onTimer, fault, WORK, later)
  }

  /** Keeps no program alive. */
  function again() {
    if (timer !== undefined) return
    timer = setTimer(attempt, RETRY_MS, onTimer, fault, WORK, again)
    timer.unref()
  }

  /** When all that is admitted in this turn of the event loop can be told at once. */
  function soon(team: Team) {
    team.isDue = true
    if (isSoon) return
    isSoon = true
    setSoon(attempt, onSoon, fault, WORK, later)
  }

  function onSoon() {
    isSoon = false
    flush()
  }

  const queued = () => {
    let sum = 0
    for (const { unreported, ended, report } of teams.values())
      sum += unreported.size + ended.length + (report?.lines.length ?? 0)
    return sum
  }

  return {
    reserve,
    settle,
    take,
    acknowledge,
    failed,
    flush,
    queued,
    tokensOf,
    /** Redis has decided it: it is Redis that answers a repetition. */
    decidedByRedis: (id: string) => void answered.set(id, 'by Redis'),
    /** Redis said how many tokens it expects such a call to take. */
    learn({ agent, model, inputTokens, maxOutputTokens, limits }: Reservation, tokens: number) {
      const output = tokens - wholeTokens(inputTokens)
      if (limits.tpmMode !== 'strict' && output < wholeTokens(maxOutputTokens))
        expectation.know(agent, model, output)
    },
    /** What is on its way with a command. */
    inFlight(name: string): UsageReport | undefined {
      const team = teams.get(name)
      return team?.isInFlight === true ? team.report : undefined
    },
    isPending: (name: string) => {
      const team = teams.get(name)
      return team !== undefined && (team.report !== undefined || isPending(team))
    },
    /** Returns how much Redis will never hear of. */
    close(): number {
      clearTimer(timer)
      const lost = queued()
      teams.clear()
      calls.clear()
      return lost
    },
  }
}

export type Reporter = ReturnType<typeof createReporter>
