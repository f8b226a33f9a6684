import { LRUCache } from 'lru-cache'
import { attempt, detached, type Fault } from '../../util/faults.ts'
import { clearTimer, setSoon, setTimer } from '../../util/timers.ts'
import { createOutputEstimate } from '../output-estimate.ts'
import type { Reservation, Settlement, Verdict } from '../store.ts'
import type { Zone } from './day-boundary.ts'
import type { LocalShare } from './local-share.ts'
import type { Load, Reserved } from './protocol.ts'
import { age, type Call, closeReport, isPending, type Team, type UsageReport } from './report-rows.ts'
import { knownOf, wholeTokens, wholeUsd } from './wire.ts'

/** Time between the first unreported call and the report, in milliseconds. */
const REPORT_MS = 100
/** Unreported calls of a team at which a report is sent at once. */
const MAX_UNREPORTED = 64
/** Time before a failed report is sent again, in milliseconds. */
const RETRY_MS = 250
/** Ids kept after their calls have ended: a repeated reservation gets the first verdict again. */
const MAX_IDS = 2_000
const WORK = 'usage reports'

export type ReporterOptions = {
  steady: () => number
  /** Longest time until a call is reported, in milliseconds. @default 100 */
  reportMs: number | undefined
  /** Sends a command that only reports and renews the team's lease. `need`: a typical call. Never rejects. */
  report: (need: Reservation) => Promise<void>
  fault: Fault
}

/**
 * Admits calls by this process's lease without asking Redis, and reports them in batches: with the next reservation that is
 * sent, or after `reportMs`. Each report has a number, and the next one is closed only after Redis has acknowledged the
 * last, so that a report may be sent repeatedly and counts once.
 */
export function createReporter(
  share: LocalShare,
  { steady, reportMs = REPORT_MS, report, fault }: ReporterOptions,
) {
  const teams = new Map<string, Team>()
  /** Calls admitted by lease, by id, until Redis knows their end. */
  const calls = new Map<string, Call>()
  /** Earlier verdicts by id; `by Redis`: Redis decided, and answers a repetition. */
  const answered = new LRUCache<string, Verdict | 'by Redis'>({ max: MAX_IDS })
  const expectation = createOutputEstimate()
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

  /** Admits a call by lease. Returns `undefined` if Redis must decide. */
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

  /** Notes the end of a call. Returns `false` if the call was not admitted by lease. */
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
    // A call in a report counts in Redis already, so its end gives nothing back to the lease.
    else if (team.unreported.has(call)) share.correct(name, id, end.tokens, end.cost + end.unconfirmed)
    later()
    return true
  }

  /** Returns the report for the next command; `undefined` if no report is pending, or another command carries it. */
  function take(name: string): UsageReport | undefined {
    const team = teams.get(name)
    if (team === undefined || team.isInFlight) return undefined
    if (team.report === undefined && !isPending(team)) return undefined
    team.report ??= closeReport(team, steady())
    team.isInFlight = true
    return team.report
  }

  /** Notes that Redis has applied a report. Returns the load that it adds to the team's window. */
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

  /** Notes that a report may not have arrived: it is sent again under the same number. */
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

  /** Schedules the next report. Its timer keeps the program alive. */
  function later() {
    timer ??= setTimer(attempt, reportMs, onTimer, fault, WORK, later)
  }

  /** Schedules a retry. Its timer does not keep the program alive. */
  function again() {
    if (timer !== undefined) return
    timer = setTimer(attempt, RETRY_MS, onTimer, fault, WORK, again)
    timer.unref()
  }

  /** Schedules a report for the end of this turn of the event loop, so that it holds all calls admitted in it. */
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
    /** Schedules another attempt for reports that could not be sent. */
    retry: again,
    flush,
    queued,
    tokensOf,
    /** Notes that Redis has admitted this id, so that Redis answers a repetition. */
    decidedByRedis: (id: string) => void answered.set(id, 'by Redis'),
    /** Takes over the number of tokens that Redis expects for such a call. */
    learn({ agent, model, inputTokens, maxOutputTokens, limits }: Reservation, tokens: number) {
      const output = tokens - wholeTokens(inputTokens)
      if (limits.tpmMode !== 'strict' && output < wholeTokens(maxOutputTokens))
        expectation.know(agent, model, output)
    },
    /** Returns the report that a command is carrying. */
    inFlight(name: string): UsageReport | undefined {
      const team = teams.get(name)
      return team?.isInFlight === true ? team.report : undefined
    },
    isPending: (name: string) => {
      const team = teams.get(name)
      return team !== undefined && (team.report !== undefined || isPending(team))
    },
    /** Stops reporting. Returns the number of entries that remain unreported. */
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
