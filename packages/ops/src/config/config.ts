import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { UsageError } from '../core/command.ts'
import { problemsIn } from './problems.ts'

const CLOCK = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as "22:00"')
const TIMEZONE = z.string().refine(isTimezone, 'must be an IANA time zone such as "Europe/Berlin"')
const seconds = (fallback: number) =>
  z
    .number()
    .nonnegative()
    .max(31 * 86_400)
    .default(fallback)
const percent = (fallback: number) => z.number().positive().max(100).default(fallback)
const calls = (fallback: number) => z.int().positive().default(fallback)
const DATE = z.iso.date('must be a date such as "2026-11-23"')

const thresholds = z.strictObject({
  /** Length of the window of `errorRate`, `latency`, `quota` and `degraded`. */
  windowMinutes: z.int().positive().max(60).default(5),
  errorRate: z
    .strictObject({ percent: percent(5), minCalls: calls(20), forSeconds: seconds(60) })
    .prefault({}),
  latency: z
    .strictObject({
      p95Seconds: z.number().positive().default(10),
      minCalls: calls(20),
      forSeconds: seconds(60),
    })
    .prefault({}),
  quota: z.strictObject({ refusals: calls(1), forSeconds: seconds(0) }).prefault({}),
  degraded: z
    .strictObject({ percent: percent(5), minCalls: calls(20), forSeconds: seconds(60) })
    .prefault({}),
  redis: z.strictObject({ forSeconds: seconds(60) }).prefault({}),
  probes: z
    .strictObject({ timeoutSeconds: z.number().positive().max(60).default(10), forSeconds: seconds(60) })
    .prefault({}),
  dailySpendUsd: z.number().positive().default(100),
  budgetPercents: z.array(z.number().positive().max(100)).default([50, 80, 100]),
  burnRate: z
    .strictObject({
      withinHours: z.number().positive().max(24).default(3),
      minPercent: percent(20),
      forSeconds: seconds(300),
    })
    .prefault({}),
  waitingRows: z.strictObject({ rows: calls(25_000), forSeconds: seconds(300) }).prefault({}),
  rotation: z.strictObject({ days: z.number().positive().default(90) }).prefault({}),
  certificate: z.strictObject({ days: z.number().positive().default(14) }).prefault({}),
  silentMonitorSeconds: z.number().positive().default(180),
  clock: z
    .strictObject({ skewSeconds: z.number().positive().default(30), forSeconds: seconds(60) })
    .prefault({}),
})

/** What a week must show: `llm-gateway report` compares its figures with these. */
const targets = z.strictObject({
  /** Percent of the calls that look in a cache; met above. */
  hitRatePercent: percent(30),
  /** Met below. */
  p95Seconds: z.number().positive().default(2),
  /** Percent of all calls that fail; met below. */
  errorPercent: percent(1),
  /** US dollars on each day; met below. */
  dailySpendUsd: z.number().positive().default(50),
  /** US dollars that the semantic cache saves beyond its own cost; met above. */
  semanticNetUsd: z.number().default(0),
  /** Percent of the answered probes of each address; met above. */
  uptimePercent: percent(99.9),
})

const report = z.strictObject({
  targets: targets.prefault({}),
  /** Refusals by a limit that are no violation: a team, or a team and a code as in `admin:gateway_rpm_exceeded`. */
  intendedRefusals: z
    .array(z.string().regex(/^[^:]+(:[a-z_]+)?$/, 'must be "team" or "team:code"'))
    .default([]),
  /** Model that would answer all calls without routing. Default: the one to which the policy escalates. */
  baselineModel: z.string().min(1).exactOptional(),
})

const schema = z.strictObject({
  /** Time between two evaluations. */
  intervalSeconds: z.number().min(0.1).max(300).default(30),
  /** Time zone of days and of times in mails. Default: that of the policy. */
  timezone: TIMEZONE.exactOptional(),
  /** Page of the runbook; the name of the alert is appended as its anchor. */
  runbookUrl: z.url().exactOptional(),
  thresholds: thresholds.prefault({}),
  probes: z
    .array(z.strictObject({ name: z.string().min(1), url: z.url({ protocol: /^https?$/ }) }))
    .default([]),
  mail: z
    .strictObject({
      from: z.string().min(3),
      to: z.array(z.email()).min(1),
      escalateTo: z.array(z.email()).default([]),
      /** Time that one delivery may take. Another monitor may take the message over after twice this time. */
      timeoutSeconds: z.number().min(0.2).max(300).default(30),
      /** Wait before the second attempt; it doubles up to 15 minutes. */
      retrySeconds: z.number().min(0.05).max(900).default(15),
    })
    .exactOptional(),
  /** Slack-compatible webhooks. Their addresses are secrets, so each is in an environment variable. */
  webhooks: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9-]+$/),
        urlVariable: z.string().regex(/^[A-Z0-9_]+$/),
      }),
    )
    .default([]),
  /** Targets of `llm-gateway report`. */
  report: report.prefault({}),
  quietHours: z.strictObject({ timezone: TIMEZONE.default('UTC'), from: CLOCK, to: CLOCK }).exactOptional(),
  notify: z
    .strictObject({
      groupWaitSeconds: seconds(30),
      groupIntervalSeconds: seconds(300),
      repeatSeconds: z.number().positive().default(14_400),
      recoverSeconds: seconds(120),
      /** 0: never. */
      escalateSeconds: seconds(1_800),
    })
    .prefault({}),
  /** Date of the last rotation of each secret that Redis does not know. */
  lastRotated: z.record(z.string(), DATE).default({}),
  /** Environment variable with an address that is called after each evaluation. */
  heartbeatVariable: z
    .string()
    .regex(/^[A-Z0-9_]+$/)
    .exactOptional(),
})
export type MonitorConfig = z.infer<typeof schema>
export type Thresholds = MonitorConfig['thresholds']
export type ReportConfig = MonitorConfig['report']
export type Targets = ReportConfig['targets']

function isTimezone(zone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
  } catch {
    return false
  }
}

/** Reads the configuration of the monitor from a JSON file. @throws UsageError with a line for each invalid field */
export function loadConfig(path: string): MonitorConfig {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(
      code === undefined ? `${path} is not JSON: ${message}` : `${path} cannot be read (${code}).`,
    )
  }
  return parseConfig(value, path)
}

/** @throws UsageError with a line for each invalid field */
export function parseConfig(value: unknown, name: string): MonitorConfig {
  const { data, error } = schema.safeParse(value)
  if (data !== undefined) return data
  const lines = error.issues.flatMap(problemsIn)
  throw new UsageError(`${name} is not valid:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}
