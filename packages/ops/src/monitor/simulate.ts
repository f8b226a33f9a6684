import * as z from 'zod'
import { dayOf, isQuietAt } from '../alerting/day.ts'
import type { NoticeKind } from '../alerting/incident.ts'
import { EMPTY_STATE, step } from '../alerting/step.ts'
import { jsonLines, type Placed } from '../cli/json-lines.ts'
import type { MonitorConfig } from '../config/config.ts'
import { UsageError } from '../core/command.ts'
import { CONDITIONS, conditionOf } from './conditions/all.ts'
import { evaluateAll } from './conditions/condition.ts'
import { notifyDurations } from './evaluator.ts'
import { historyOf, refusalsOf, spendOf } from './measure/calls.ts'
import type { CallMeasures, Measured } from './measure/measured.ts'

const MINUTE_MS = 60_000
const count = z.number().nonnegative().default(0)

const lineSchema = z.strictObject({
  /** ISO date, or milliseconds since the epoch. */
  at: z.union([z.number(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]),
  team: z.string().default('default'),
  agent: z.string().default(''),
  calls: count,
  errors: count,
  degraded: count,
  refusals: z.record(z.string(), z.number()).default({}),
  costUsd: count,
  /** Number of calls by their latency in milliseconds. */
  latencyMs: z.record(z.string().regex(/^\d+(\.\d+)?$/), z.int().positive()).default({}),
  /** `false`: Redis was away in this minute. */
  redis: z.boolean().default(true),
  /** Whether each address answered. */
  probes: z.record(z.string(), z.boolean()).default({}),
})
export type SimulatedMinute = z.infer<typeof lineSchema>

/** A message that would have been sent. */
export type SimulatedNotice = {
  at: number
  kind: NoticeKind
  alert: string
  incident: string
  alerts: string[]
  text: string
}

/** Reads a file of JSON lines. @throws UsageError for a line that is not valid, with its number, or a file that cannot be read */
export async function readMinutes(path: string): Promise<SimulatedMinute[]> {
  const minutes: SimulatedMinute[] = []
  try {
    for await (const line of jsonLines(path)) minutes.push(minuteFrom(line))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
  if (minutes.length === 0) throw new UsageError(`${path} has no minutes.`)
  return minutes.toSorted((a, b) => a.at - b.at)
}

function minuteFrom({ value, place }: Placed): SimulatedMinute {
  const { data, error } = lineSchema.safeParse(value)
  if (data !== undefined) return data
  throw new UsageError(
    `${place}: ${error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
  )
}

/**
 * Evaluates all conditions at the end of each minute from the first to the last one, with the code of the monitor, and
 * returns every message. Minutes without a line have no calls.
 */
export function simulate(
  minutes: readonly SimulatedMinute[],
  config: MonitorConfig,
  budgets: Record<string, number>,
  timezone: string,
): SimulatedNotice[] {
  const first = Math.floor((minutes[0]?.at ?? 0) / MINUTE_MS)
  const last = Math.floor((minutes.at(-1)?.at ?? 0) / MINUTE_MS)
  const byMinute = Map.groupBy(minutes, ({ at }) => Math.floor(at / MINUTE_MS))
  const sent: SimulatedNotice[] = []
  let state = EMPTY_STATE
  let opened = 0
  for (let minute = first; minute <= last; minute += 1) {
    const now = (minute + 1) * MINUTE_MS
    const measured = measure(byMinute, minute, config, budgets, timezone)
    const next = step(state, evaluateAll(CONDITIONS, measured, config.thresholds), now, {
      durationsOf: (alert) => ({
        forMs: (conditionOf(alert)?.forSeconds(config.thresholds) ?? 0) * 1_000,
        recoverMs: config.notify.recoverSeconds * 1_000,
      }),
      notify: notifyDurations(config.notify),
      isQuiet: isQuietAt(now, config.quietHours),
      isSilenced: () => false,
      acknowledged: new Set(),
      incidentId(alert) {
        opened += 1
        return `${alert}-${opened}`
      },
    })
    state = next.state
    for (const { kind, incident } of next.notices) {
      const members = Object.entries(incident.members)
      const text = members.map(([, member]) => member.text).join(' ')
      const alerts = members.map(([key]) => key)
      sent.push({ at: now, kind, alert: incident.alert, incident: incident.id, alerts, text })
    }
  }
  return sent
}

type ByMinute = ReadonlyMap<number, SimulatedMinute[]>

function measure(
  byMinute: ByMinute,
  minute: number,
  { thresholds }: MonitorConfig,
  budgets: Record<string, number>,
  timezone: string,
): Measured {
  // The minute that has ended belongs to its own day, although `now` may begin the next one.
  const day = dayOf(minute * MINUTE_MS, timezone)
  const current = byMinute.get(minute) ?? []
  const isAway = current.some(({ redis }) => !redis)
  const probes = Object.assign({}, ...current.map((line) => line.probes)) as Record<string, boolean>
  return {
    now: (minute + 1) * MINUTE_MS,
    day,
    timezone,
    windowMinutes: thresholds.windowMinutes,
    redisTrouble: isAway ? 'it was away' : '',
    ...(Object.keys(probes).length > 0 && {
      probes: Object.entries(probes).map(([name, ok]) => ({ name, url: name, ok, detail: 'no answer' })),
    }),
    ...(!isAway && { calls: callsOf(byMinute, minute, thresholds.windowMinutes, day.startsAt), budgets }),
  }
}

function callsOf(
  byMinute: ByMinute,
  minute: number,
  windowMinutes: number,
  dayStartsAt: number,
): CallMeasures {
  const since = (start: number) => linesOf(byMinute, start, minute)
  const window = since(minute - windowMinutes + 1)
  const sum = (field: 'calls' | 'errors' | 'degraded') => window.reduce((all, line) => all + line[field], 0)
  const p95Ms = quantile(window, 0.95)
  const hour = since(minute - 59)
  return {
    window: {
      calls: sum('calls'),
      errors: sum('errors'),
      degraded: sum('degraded'),
      refusals: refusalsOf(window),
      ...(p95Ms !== undefined && { p95Ms }),
    },
    today: spendOf(since(Math.floor(dayStartsAt / MINUTE_MS))),
    hour: spendOf(hour),
    quarter: spendOf(since(minute - 14)),
    history: historyOf([], minute * MINUTE_MS),
  }
}

function linesOf(byMinute: ByMinute, from: number, to: number): SimulatedMinute[] {
  const lines: SimulatedMinute[] = []
  for (let minute = from; minute <= to; minute += 1) lines.push(...(byMinute.get(minute) ?? []))
  return lines
}

/** Returns a quantile of the latencies of all lines, or `undefined` without any. */
function quantile(lines: readonly SimulatedMinute[], part: number): number | undefined {
  const counts = lines
    .flatMap(({ latencyMs }) => Object.entries(latencyMs))
    .map(([ms, calls]) => ({ ms: Number(ms), calls }))
    .toSorted((a, b) => a.ms - b.ms)
  const rank = Math.ceil(part * counts.reduce((sum, { calls }) => sum + calls, 0))
  let seen = 0
  return counts.find(({ calls }) => {
    seen += calls
    return seen >= rank
  })?.ms
}
