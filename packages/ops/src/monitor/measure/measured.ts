/** Calls of the last minutes. */
export type WindowTotals = {
  calls: number
  errors: number
  degraded: number
  /** Milliseconds. Absent without calls. */
  p95Ms?: number
  /** Refusals by a limit, by team, then by code. */
  refusals: Record<string, Record<string, number>>
}

/** US dollars: all, and by team. */
export type Spend = { usd: number; teams: Record<string, number> }

/** What gateways have counted. */
export type CallMeasures = {
  window: WindowTotals
  today: Spend
  /** Of the last hour and of the last quarter of an hour. */
  hour: Spend
  quarter: Spend
  /** The last 60 minutes by minute, oldest first: for the picture in a mail. */
  history: MinuteTotals[]
}

export type MinuteTotals = {
  calls: number
  errors: number
  refused: number
  degraded: number
  costUsd: number
  p95Ms: number
}

export type ProbeResult = {
  name: string
  url: string
  ok: boolean
  /** What failed, or the status. */
  detail: string
  /** Milliseconds since the epoch at which the server's certificate ends. Absent for http. */
  certificateEndsAt?: number
}

export type MonitorSign = { name: string; at: number }

/** State of the whole system at one moment. A part that could not be measured is absent, and its alerts stay as they are. */
export type Measured = {
  /** Milliseconds since the epoch, by the clock of Redis where it answers. */
  now: number
  day: { startsAt: number; endsAt: number }
  timezone: string
  windowMinutes: number
  /** Reason why Redis cannot be used. Empty: it answers. */
  redisTrouble: string
  calls?: CallMeasures
  /** US dollars a day, by team. */
  budgets?: Record<string, number>
  /** Why processes refuse the live policy. Empty: they do not. */
  policyTrouble?: string
  probes?: ProbeResult[]
  /** Rows that wait in Redis for Supabase. */
  waitingRows?: number
  monitors?: MonitorSign[]
  /** Milliseconds by which this machine's clock is ahead of that of Redis. */
  clockSkewMs?: number
  /** Last rotation by secret, in milliseconds since the epoch. */
  rotated?: Record<string, number>
}
