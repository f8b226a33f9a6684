import { refuse } from '../body/refusal-response.ts'
import type { Call } from '../core/call.ts'
import { abortedReply, type Reply } from '../core/reply.ts'
import { type Answer, createPriorityQueue, type PriorityQueue } from '../queue/priority-queue.ts'
import { queueFull, type WaitPolicy, waitInQueue, waitPolicyOf } from '../queue/wait-policy.ts'
import { LIMITS } from './limits.ts'
import { refusalOf } from './refusal.ts'
import { type QuotaStore, type Reservation, unused, type Verdict } from './store.ts'

export type Refused = Extract<Verdict, { admitted: false }>
type Admitted = Extract<Verdict, { admitted: true }>

/** A refusal, and the time at which it was received, in milliseconds of the monotonic clock. */
type LastRefusal = { verdict: Refused; at: number }

/** A team with waiting calls; removed with the last of them. `last`: the latest refusal, absent before the first. */
type Team = { line: PriorityQueue; last: LastRefusal | undefined }

/**
 * Admits calls as the store allows. Calls that may wait are queued per team: the first retries at the time that the store
 * named, or when another call gives back unused tokens or dollars; the others wait behind it.
 */
export function createQueue(store: QuotaStore, gauge: { waiting: number }) {
  const teams = new Map<string, Team>()

  /** Returns the admission, or the reply that refuses the call. */
  async function admit(
    call: Call,
    reservation: Reservation,
  ): Promise<Admitted | (Reply & { verdict?: Refused })> {
    const patience = waitPolicyOf(call)
    const before = teams.get(reservation.team)
    const behind = patience !== undefined && before?.line.isBefore(patience.priority) === true
    if (behind && mayFit(reservation)) return await standInLine(call, reservation, patience, undefined)

    const verdict = await store.reserve(reservation)
    if (verdict.admitted) return verdict
    const seen = { verdict, at: performance.now() }
    return patience === undefined || !isInTime(seen, patience)
      ? { ...refuse(call, refusalOf(verdict, call.caller, reservation.limits)), verdict }
      : await standInLine(call, reservation, patience, seen)
  }

  async function standInLine(
    call: Call,
    reservation: Reservation,
    patience: WaitPolicy,
    refused: LastRefusal | undefined,
  ): Promise<Admitted | Reply> {
    const team = teamOf(reservation.team)
    const { line } = team
    if (line.size() >= patience.maxQueued) return refuse(call, queueFull(call, line))
    if (refused !== undefined) {
      team.last = refused
      const paused = line.pausedUntil()
      const due = refused.at + (refused.verdict.retryAfterMs ?? 0)
      void line.pauseUntil(paused > refused.at ? Math.min(paused, due) : due)
    }
    call.releaseUpstreamSlot?.()

    let own = refused
    let admitted: Admitted = { admitted: true, remaining: {} }
    async function ask(): Promise<Answer> {
      const verdict = await store.reserve(reservation)
      if (verdict.admitted) {
        admitted = verdict
        return { type: 'in' }
      }
      own = { verdict, at: performance.now() }
      team.last = own
      if (!isInTime(own, patience)) return { type: 'out' }
      return { type: 'again', at: own.at + (verdict.retryAfterMs ?? 0) }
    }
    const { outcome, waitedMs } = await waitInQueue(line, call, patience, {
      tryAdmit: ask,
      undo: () => giveBack(reservation),
    })
    if (outcome === 'in') return admitted
    if (outcome === 'left') return abortedReply(call)
    const known = own ?? team.last
    const verdict = known === undefined ? await store.reserve(reservation) : sinceThen(known)
    return verdict.admitted
      ? verdict
      : refuse(call, refusalOf(verdict, call.caller, reservation.limits, waitedMs))
  }

  function teamOf(name: string): Team {
    let team = teams.get(name)
    if (team === undefined) {
      team = { line: createPriorityQueue(gauge, () => teams.delete(name)), last: undefined }
      teams.set(name, team)
    }
    return team
  }

  async function giveBack(reservation: Reservation) {
    await store.settle(unused(reservation))
    released(reservation.team)
  }

  /** Resumes a team's queue after a settlement, which gives back what some limits count. */
  function released(name: string) {
    const team = teams.get(name)
    const limit = team?.last?.verdict.limit
    if (limit !== undefined && limit !== 'closed' && (limit === 'unavailable' || LIMITS[limit].isGivenBack))
      void team?.line.pauseUntil(0)
  }

  return { admit, released }
}

const isInTime = ({ verdict: { retryAfterMs }, at }: LastRefusal, { until }: WaitPolicy) =>
  retryAfterMs !== undefined && at + retryAfterMs <= until

/** Returns whether a call may ever fit. A call larger than a whole limit does not wait: the store refuses it at once. */
function mayFit({ limits, inputTokens, maxOutputTokens, worstCost }: Reservation): boolean {
  const least = limits.tpmMode === 'strict' ? inputTokens + maxOutputTokens : inputTokens
  const { tpm = Number.POSITIVE_INFINITY, usdPerDay = Number.POSITIVE_INFINITY } = limits
  return least <= tpm && worstCost <= usdPerDay
}

function sinceThen({ verdict, at }: LastRefusal): Refused {
  const { retryAfterMs } = verdict
  if (retryAfterMs === undefined) return verdict
  return { ...verdict, retryAfterMs: Math.max(1, retryAfterMs - (performance.now() - at)) }
}
