import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding } from './alert.ts'
import { EMPTY_STATE, type StepOptions, step } from './step.ts'

const TICK_MS = 30_000

const finding = (isActive: boolean, labels: Record<string, string> = {}): Finding => ({
  alert: 'error-rate',
  labels,
  severity: 'critical',
  isActive,
  value: isActive ? 9 : 1,
  threshold: 5,
  unit: 'percent',
  text: 'text',
})

const options = (
  some: Partial<StepOptions['notify']> & { forMs?: number; recoverMs?: number } = {},
): StepOptions => {
  const { forMs = 0, recoverMs = 0, ...notify } = some
  let opened = 0
  return {
    durationsOf: () => ({ forMs, recoverMs }),
    notify: { groupWaitMs: 0, groupIntervalMs: 0, repeatMs: 1e12, escalateMs: 0, ...notify },
    isQuiet: false,
    isSilenced: () => false,
    acknowledged: new Set(),
    incidentId(alert) {
      opened += 1
      return `${alert}-${opened}`
    },
  }
}

/** One evaluation by member. `undefined`: it could not be measured. */
type Sample = boolean[] | undefined

/** Runs a series through the state machine. Returns the kinds of messages, and the members that fire after each tick. */
function play(series: Sample[], settings: StepOptions) {
  let state = EMPTY_STATE
  const notices: string[] = []
  const firing = series.map((sample, at) => {
    const findings = sample?.map((isActive, member) => finding(isActive, { team: String(member) }))
    const next = step(state, { 'error-rate': findings }, at * TICK_MS, settings)
    state = next.state
    notices.push(...next.notices.map(({ kind, at: time }) => `${kind}@${time / TICK_MS}`))
    const members = Object.values(state.incidents['error-rate']?.members ?? {})
    return members
      .filter(({ resolvedAt }) => resolvedAt === undefined)
      .map(({ labels }) => Number(labels.team))
  })
  return { firing: firing.map((members) => members.toSorted()), notices }
}

/** Tells from the raw series, without any state, whether a member fires after tick `at`. */
function oracleFires(
  series: Sample[],
  member: number,
  at: number,
  forMs: number,
  recoverMs: number,
): boolean {
  const known = series
    .slice(0, at + 1)
    .flatMap((sample, tick) => (sample ? [{ tick, isActive: sample[member] }] : []))
  // The last moment at which a run of equal samples was long enough to matter decides.
  for (let end = known.length - 1; end >= 0; end -= 1) {
    let start = end
    while (start > 0 && known[start - 1]?.isActive === known[end]?.isActive) start -= 1
    const lasted = ((known[end]?.tick ?? 0) - (known[start]?.tick ?? 0)) * TICK_MS
    const isActive = known[end]?.isActive === true
    if (lasted >= (isActive ? forMs : recoverMs)) return isActive
  }
  return false
}

const durations = fc.nat(4).map((ticks) => ticks * TICK_MS)
const samples = (members: number) =>
  fc.array(
    fc.option(fc.array(fc.boolean(), { minLength: members, maxLength: members }), {
      nil: undefined,
      freq: 6,
    }),
    {
      maxLength: 60,
    },
  )

describe('the alert state machine agrees with an oracle that reads the raw series', () => {
  test('a member fires exactly where the oracle says so, whatever could not be measured', () => {
    fc.assert(
      fc.property(samples(2), durations, durations, (series, forMs, recoverMs) => {
        const { firing } = play(series, options({ forMs, recoverMs }))
        const expected = series.map((_, at) =>
          [0, 1].filter((member) => oracleFires(series, member, at, forMs, recoverMs)),
        )
        expect(firing).toEqual(expected)
      }),
      { numRuns: 1_000 },
    )
  })

  test('each incident has one first message and one recovery, unless it ends within the group wait', () => {
    fc.assert(
      fc.property(samples(2), durations, durations, durations, (series, forMs, recoverMs, groupWaitMs) => {
        const { notices } = play(series, options({ forMs, recoverMs, groupWaitMs, groupIntervalMs: 1e12 }))
        const open = series.map((_, at) =>
          [0, 1].some((member) => oracleFires(series, member, at, forMs, recoverMs)),
        )
        const expected: string[] = []
        let openedAt: number | undefined
        let isTold = false
        for (const [at, isOpen] of open.entries()) {
          if (!isOpen && isTold) expected.push(`resolved@${at}`)
          if (!isOpen) {
            openedAt = undefined
            isTold = false
            continue
          }
          openedAt ??= at
          if (!isTold && (at - openedAt) * TICK_MS >= groupWaitMs) {
            expected.push(`firing@${at}`)
            isTold = true
          }
        }
        expect(notices).toEqual(expected)
      }),
      { numRuns: 1_000 },
    )
  })
})

const A = [true, false]
const B = [true, true]
const NONE = [false, false]

test('a value that swings about its threshold within "for" never fires, and within the recovery time never resolves', () => {
  const swinging = Array.from({ length: 40 }, (_, at) => [at % 2 === 0])
  expect(play(swinging, options({ forMs: 2 * TICK_MS })).notices).toEqual([])
  const fired = [[true], [true], [true], ...swinging]
  const { notices } = play(fired, options({ forMs: 2 * TICK_MS, recoverMs: 3 * TICK_MS }))
  expect(notices).toEqual(['firing@2'])
})

test('a new member is told after the group interval, and a known one is not told again', () => {
  const { notices } = play([A, B, B, B, B, NONE], options({ groupIntervalMs: 3 * TICK_MS }))
  expect(notices).toEqual(['firing@0', 'update@3', 'resolved@5'])
})

test('an incident is repeated after the repeat interval', () => {
  const { notices } = play([A, A, A, A, A], options({ repeatMs: 2 * TICK_MS }))
  expect(notices).toEqual(['firing@0', 'reminder@2', 'reminder@4'])
})

test('a critical incident is escalated once, and an acknowledged one neither escalated nor repeated', () => {
  const settings = options({ escalateMs: 2 * TICK_MS, repeatMs: 4 * TICK_MS })
  expect(play([A, A, A, A, A, A, A], settings).notices).toEqual(['firing@0', 'escalation@2', 'reminder@6'])
  const acknowledged = {
    ...options({ escalateMs: 2 * TICK_MS, repeatMs: 4 * TICK_MS }),
    acknowledged: new Set(['error-rate-1']),
  }
  expect(play([A, A, A, A, A, A, NONE], acknowledged).notices).toEqual(['firing@0', 'resolved@6'])
})

test('a silenced alert is not told; one that was told before its silence is told to be over', () => {
  const silenced = { ...options(), isSilenced: () => true }
  expect(play([A, A, NONE], silenced).notices).toEqual([])
  let at = 0
  const later = {
    ...options({ repeatMs: TICK_MS }),
    isSilenced: () => {
      at += 1
      return at > 1
    },
  }
  expect(play([A, A, A, NONE], later).notices).toEqual(['firing@0', 'resolved@3'])
})

test('in quiet hours a warning waits for their end, and a critical alert does not', () => {
  const run = (severity: 'critical' | 'warning') => {
    let state = EMPTY_STATE
    return [true, true, false].flatMap((isQuiet, at) => {
      const findings = { 'error-rate': [{ ...finding(true), severity }] }
      const next = step(state, findings, at * TICK_MS, { ...options(), isQuiet })
      state = next.state
      return next.notices.map(({ kind }) => `${kind}@${at}`)
    })
  }
  expect(run('warning')).toEqual(['firing@2'])
  expect(run('critical')).toEqual(['firing@0'])
})

test('the recovery gives the figures of the moment in which it is over', () => {
  const settings = options()
  const findings = (isActive: boolean, text: string) => ({ 'error-rate': [{ ...finding(isActive), text }] })
  const { state } = step(EMPTY_STATE, findings(true, '9 of 100 calls failed'), 0, settings)
  const { notices } = step(state, findings(false, '1 of 100 calls failed'), TICK_MS, settings)
  const [member] = Object.values(notices[0]?.incident.members ?? {})
  expect(member).toMatchObject({ text: '1 of 100 calls failed', value: 1, worst: 9 })
})
