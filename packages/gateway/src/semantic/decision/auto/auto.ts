import { LRUCache } from 'lru-cache'
import type { SemanticPlan } from '../../../core/caller.ts'
import { clearTimer, setTimer } from '../../../util/timers.ts'
import type { CalibrationScope } from '../../query/partition.ts'
import { type KnownState, knownOf } from './auto-stats.ts'
import { added, type Day, dayOf, EMPTY, type Ledger, NO_MONEY, type Sums, sumsOf } from './ledger.ts'
import type { SharedStates } from './shared-states.ts'
import type { Standing, Terms } from './standing.ts'
import { type AutoState, stateAfter, UNPROVEN } from './state.ts'

export type AutoParts = {
  /** Absent: without Redis, each process proves itself. */
  shared?: SharedStates | undefined
  /** Called with work in the background. */
  track: (work: Promise<void>) => void
  /** Milliseconds of a monotonic clock. */
  now: () => number
  /** Milliseconds since the epoch. */
  wall?: () => number
}

/** One agent in this process. */
type Own = {
  scope: CalibrationScope
  terms: Terms
  /** The last state read or written. */
  base: Ledger & Standing
  /** What this process has learned since: being written, and not yet. */
  sent: Ledger
  pending: Ledger
  /** `base` with both, and the day it was computed for. */
  current: (AutoState & { sums: Sums; day: number }) | undefined
  /** When the state was last read or written, and when that was last tried, by `now()`. */
  readAt: number
  triedAt: number
  reading: Promise<void> | undefined
  writing: Promise<void> | undefined
  /** Number of writes done. */
  writes: number
  timer: NodeJS.Timeout | undefined
}

/** Callers can invent agent names. */
const MAX_AGENTS = 1_000
/** How soon a process notices what another one has learned, in milliseconds. */
const REFRESH_MS = 2_000
/** Without news for longer, calls wait for them; without an answer, the agent is in shadow. */
const STALE_MS = 30_000
/** How long money is collected before it is written. Judgements are written at once. */
const FLUSH_MS = 1_000

/** Decides for each agent in mode `auto` whether it serves, by evidence and balance of all processes. */
export function createAuto({ shared, track, now, wall = Date.now }: AutoParts) {
  const agents = new LRUCache<string, Own>({ max: MAX_AGENTS })
  /** Scope name last used by each agent. */
  const latest = new LRUCache<string, string>({ max: MAX_AGENTS })

  function ownOf(scope: CalibrationScope, { errorBudget, judge }: SemanticPlan): Own {
    const known = agents.get(scope.name)
    latest.set(scope.agent, scope.name)
    const terms = { errorBudget, hasJudge: judge !== undefined && judge.rate > 0 && judge.perHour > 0 }
    if (known === undefined) {
      const own: Own = {
        scope,
        terms,
        base: { ...UNPROVEN, since: wall() },
        sent: EMPTY,
        pending: EMPTY,
        current: undefined,
        readAt: shared === undefined ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
        triedAt: Number.NEGATIVE_INFINITY,
        reading: undefined,
        writing: undefined,
        writes: 0,
        timer: undefined,
      }
      agents.set(scope.name, own)
      return own
    }
    if (known.terms.errorBudget !== errorBudget || known.terms.hasJudge !== terms.hasJudge) {
      known.terms = terms
      known.current = undefined
    }
    return known
  }

  /** Returns the state by everything this process knows. */
  function currentOf(own: Own) {
    const at = wall()
    const day = dayOf(at)
    if (own.current?.day === day) return own.current
    const state = next(own, own.current ?? own.base, added(own.sent, own.pending))
    own.current = { ...state, sums: sumsOf(state, at), day }
    return own.current
  }

  const next = ({ scope, terms, base }: Own, was: Standing, more: Ledger) => {
    const { serving, reason, since } = was
    const of = { agent: scope.agent, embedder: scope.embedder ?? '' }
    return stateAfter({ ...base, serving, reason, since }, more, of, terms, wall())
  }

  function standingOf(own: Own): Standing {
    const current = currentOf(own)
    return now() - own.readAt > STALE_MS ? { ...current, serving: false, reason: 'unknown' } : current
  }

  /** Reads the state of all processes. A read that a write overtakes is dropped. */
  async function read(own: Own): Promise<void> {
    own.triedAt = now()
    const { writes } = own
    try {
      const state = await shared?.read(own.scope)
      if (own.writing !== undefined || own.writes !== writes) return
      own.readAt = now()
      if (state === undefined) return
      own.base = state
      own.current = undefined
    } catch {
      // Redis is away: after `STALE_MS` the agent is in shadow.
    } finally {
      own.reading = undefined
    }
  }

  function add(own: Own, more: Ledger) {
    const was = currentOf(own)
    own.pending = added(own.pending, more)
    if (shared !== undefined) {
      const state = next(own, was, added(own.sent, own.pending))
      own.current = { ...state, sums: sumsOf(state, wall()), day: dayOf(wall()) }
      return
    }
    own.base = next(own, was, own.pending)
    own.pending = EMPTY
    own.current = undefined
  }

  /** Writes what is pending. One write at a time. */
  async function write(own: Own): Promise<void> {
    clearTimer(own.timer)
    own.timer = undefined
    if (shared === undefined || own.pending === EMPTY) return await own.writing
    own.writing ??= writeAll(own, shared)
    await own.writing
  }

  async function writeAll(own: Own, shared: SharedStates): Promise<void> {
    try {
      while (own.pending !== EMPTY) await writeOnce(own, shared)
    } catch {
      // Redis is away: the next write takes it along.
      own.pending = added(own.sent, own.pending)
      own.sent = EMPTY
    } finally {
      own.writing = undefined
    }
  }

  async function writeOnce(own: Own, shared: SharedStates): Promise<void> {
    const more = own.pending
    own.sent = more
    own.pending = EMPTY
    own.triedAt = now()
    const written = await shared.update(own.scope, (held) => {
      // Where Redis has lost the state, this process restores it.
      const base = held ?? own.base
      return next({ ...own, base }, base, more)
    })
    own.sent = EMPTY
    if (written !== undefined) own.base = written
    own.writes += 1
    own.readAt = now()
    own.current = undefined
  }

  return {
    /** Whether the agent serves. Until its state was read once, it does not. */
    standing: (scope: CalibrationScope, plan: SemanticPlan): Standing => standingOf(ownOf(scope, plan)),
    sums: (scope: CalibrationScope, plan: SemanticPlan): Sums => currentOf(ownOf(scope, plan)).sums,
    /** Follows the other processes. Waits only where this process has had no news for half a minute. */
    async refresh(scope: CalibrationScope, plan: SemanticPlan): Promise<void> {
      const own = ownOf(scope, plan)
      if (shared === undefined) return
      const isDue = own.writing === undefined && now() - own.triedAt >= REFRESH_MS
      if (own.reading === undefined && isDue) {
        own.reading = read(own)
        track(own.reading)
      }
      if (now() - own.readAt > STALE_MS) await own.reading
    },
    /** Learns whether an answer that served, or would have, was right. */
    judged(scope: CalibrationScope, plan: SemanticPlan, right: boolean): void {
      const own = ownOf(scope, plan)
      add(own, { evidence: right ? '+' : '-', days: new Map() })
      track(write(own))
    },
    /** Enters money, in billionths of a dollar. */
    enter(scope: CalibrationScope, plan: SemanticPlan, money: Partial<Day>): void {
      const own = ownOf(scope, plan)
      add(own, { evidence: '', days: new Map([[dayOf(wall()), { ...NO_MONEY, ...money }]]) })
      if (shared !== undefined) own.timer ??= setTimer(() => track(write(own)), FLUSH_MS).unref()
    },
    /** Learns for all processes that a person has called an answer wrong. */
    async refuted(scope: CalibrationScope): Promise<void> {
      const more = { evidence: '-', days: new Map() }
      const own = agents.get(scope.name)
      if (own !== undefined) {
        add(own, more)
        return await write(own)
      }
      const change = (held: AutoState | undefined) =>
        held && stateAfter(held, more, held, { errorBudget: held.budget, hasJudge: true }, wall())
      await shared?.update(scope, change).catch(() => undefined)
    },
    /** Returns the state of an agent; `undefined` if no call of it was in mode `auto`. */
    known(agent: string): KnownState | undefined {
      const own = agents.get(latest.get(agent) ?? '')
      if (own === undefined) return undefined
      const current = currentOf(own)
      return knownOf(standingOf(own), current.sums, current, wall())
    },
    /** Writes what this process alone knows. */
    async settled(): Promise<void> {
      await Promise.all([...agents.values()].map((own) => write(own)))
    },
  }
}
