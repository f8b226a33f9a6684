import type { Finding } from '../alerting/alert.ts'
import { isQuietAt } from '../alerting/day.ts'
import type { Notice } from '../alerting/incident.ts'
import { KEEP_MS, KEYS } from '../alerting/keys.ts'
import { readAcknowledgements, readSilences } from '../alerting/operator-store.ts'
import { enqueue, type OutboxMessage } from '../alerting/outbox.ts'
import type { RedisClient } from '../alerting/redis.ts'
import { serverNow, troubleOf } from '../alerting/redis.ts'
import { type Silence, silences } from '../alerting/silence.ts'
import { commit, lead, newIncidentSuffix, readState, type StoredState } from '../alerting/state-store.ts'
import { EMPTY_STATE, type StepOptions, step } from '../alerting/step.ts'
import type { MonitorConfig } from '../config/config.ts'
import { CONDITIONS, conditionOf } from './conditions/all.ts'
import { evaluateAll } from './conditions/condition.ts'
import { type Clock, type Measurer, measureOutside } from './measure/measure.ts'
import type { Measured } from './measure/measured.ts'
import { createProbeTally } from './measure/probe-tally.ts'
import { endedOutage, outageIncidentId } from './outage.ts'

/** A monitor that was silent for this long is no longer expected. */
const FORGET_MONITOR_MS = 24 * 3_600_000

export type Evaluation = {
  role: 'leader' | 'standby' | 'without Redis'
  measured: Measured | undefined
  findings: Record<string, Finding[] | undefined>
  stored: StoredState
}

export type EvaluatorDeps = {
  client: RedisClient
  measurer: Measurer
  config: MonitorConfig
  /** Name of this monitor, which stays the same when it starts again. */
  name: string
  /** Identity of this process. */
  instance: string
  compose: (notice: Notice, measured: Measured) => OutboxMessage[]
  /** Takes messages while Redis is away. */
  queueInMemory: (messages: OutboxMessage[], now: number) => void
  log: (text: string) => void
}

export type Evaluator = {
  /** Evaluates all conditions once. Rejects only for a fault of the monitor. */
  evaluate: () => Promise<Evaluation>
  /** Milliseconds since the epoch, by the clock of Redis as last seen. */
  now: () => number
}

/** Creates the evaluator: of all monitors the leader evaluates; each evaluates alone while Redis is away. */
export function createEvaluator(deps: EvaluatorDeps): Evaluator {
  const { client, measurer, config, name, instance, compose, queueInMemory, log } = deps
  const leaseMs = (3 * config.intervalSeconds + config.thresholds.probes.timeoutSeconds) * 1_000
  const tally = createProbeTally()
  let skewMs = 0
  let stored: StoredState = { revision: 0, state: EMPTY_STATE, nextOutage: newIncidentSuffix() }
  let rules: { silences: Silence[]; acknowledged: ReadonlySet<string> } = {
    silences: [],
    acknowledged: new Set(),
  }
  /** Ids of the incidents opened during the outage that goes on. `undefined`: Redis answers. */
  let outage: string[] | undefined

  const now = () => Date.now() - skewMs

  async function evaluate(): Promise<Evaluation> {
    try {
      return await evaluateWithRedis()
    } catch (error) {
      return await evaluateAlone(troubleOf(client, error))
    }
  }

  async function evaluateWithRedis(): Promise<Evaluation> {
    const clock = await readClock()
    const leads = await lead(client, instance, leaseMs)
    await client.hset(KEYS.monitors, name, JSON.stringify({ at: clock.now, instance }))
    await client.pexpire(KEYS.monitors, KEEP_MS)
    const found = await readState(client)
    const [current, acknowledgements] = await Promise.all([
      readSilences(client, clock.now),
      readAcknowledgements(client),
    ])
    rules = { silences: current, acknowledged: new Set(acknowledgements.keys()) }
    if (!leads) {
      // The leader has probed the same addresses.
      tally.clear()
      if (outage === undefined && found.revision > 0) stored = found
      else if (outage !== undefined && found.revision !== stored.revision) await leaveOutage(found, clock.now)
      return { role: 'standby', measured: undefined, findings: {}, stored }
    }
    const measured = await measurer.measure(clock)
    const before = await adopt(found, clock.now)
    const findings = evaluateAll(CONDITIONS, measured, config.thresholds)
    const { state, notices } = step(before.state, findings, clock.now, stepOptions(clock.now, newIncidentId))
    const messages = notices.flatMap((notice) => compose(notice, measured))
    if (await commit(client, instance, { ...before, state }, messages, clock.now)) {
      stored = { ...before, revision: before.revision + 1, state }
      for (const { id, subject } of messages) log(`${id}: ${subject}`)
    } else log('another monitor has taken over; this evaluation is dropped')
    await recordProbes(measured)
    return { role: 'leader', measured, findings, stored }
  }

  async function readClock(): Promise<Clock> {
    const redisNow = await serverNow(client)
    skewMs = Date.now() - redisNow
    return { now: redisNow, skewMs }
  }

  /** Returns the state to go on from: this monitor's own where Redis has none, or was away and no other has written since. */
  async function adopt(found: StoredState, at: number): Promise<StoredState> {
    // An emptied Redis has forgotten the open incidents; their conversations go on.
    if (outage === undefined) return found.revision === 0 ? { ...stored, revision: 0 } : found
    if (found.revision !== stored.revision && found.revision !== 0) {
      await leaveOutage(found, at)
      return found
    }
    outage = undefined
    return { ...stored, revision: found.revision, nextOutage: newIncidentSuffix() }
  }

  /** Goes on from the state of another monitor, and ends the conversations that only this one began. */
  async function leaveOutage(found: StoredState, at: number): Promise<void> {
    const measured = await measureOutside({ ...config, probes: [] }, at, '')
    const notices = endedOutage(stored.state, outage ?? [], found.state, at)
    await enqueue(
      client,
      notices.flatMap((notice) => compose(notice, measured)),
      at,
    )
    outage = undefined
    stored = found
  }

  async function evaluateAlone(trouble: string): Promise<Evaluation> {
    const at = now()
    const opened = outage ?? []
    if (outage === undefined) log(`Redis cannot be used: ${trouble}`)
    outage = opened
    const measured = await measureOutside(config, at, trouble)
    tally.add(measured.probes ?? [], at)
    const findings = evaluateAll(CONDITIONS, measured, config.thresholds)
    const incidentId = (alert: string) => {
      const id = outageIncidentId(alert, stored.nextOutage, opened)
      opened.push(id)
      return id
    }
    const { state, notices } = step(stored.state, findings, at, stepOptions(at, incidentId))
    stored = { ...stored, state }
    queueInMemory(
      notices.flatMap((notice) => compose(notice, measured)),
      at,
    )
    return { role: 'without Redis', measured, findings, stored }
  }

  function stepOptions(at: number, incidentId: StepOptions['incidentId']): StepOptions {
    const { notify, thresholds, quietHours } = config
    return {
      durationsOf: (alert) => ({
        forMs: (conditionOf(alert)?.forSeconds(thresholds) ?? 0) * 1_000,
        recoverMs: notify.recoverSeconds * 1_000,
      }),
      notify: notifyDurations(notify),
      isQuiet: isQuietAt(at, quietHours),
      isSilenced: (alert) => rules.silences.some((silence) => silences(silence, alert, at)),
      acknowledged: rules.acknowledged,
      incidentId,
    }
  }

  async function recordProbes({ probes = [], monitors = [], now: at }: Measured): Promise<void> {
    const gone = monitors.filter((sign) => at - sign.at > FORGET_MONITOR_MS)
    if (gone.length > 0) await client.hdel(KEYS.monitors, ...gone.map((sign) => sign.name))
    tally.add(probes, at)
    await tally.write(client)
  }

  return { evaluate, now }
}

const newIncidentId = (alert: string) => `${alert}-${newIncidentSuffix()}`

/** Returns the durations between messages in milliseconds. */
export const notifyDurations = (notify: MonitorConfig['notify']): StepOptions['notify'] => ({
  groupWaitMs: notify.groupWaitSeconds * 1_000,
  groupIntervalMs: notify.groupIntervalSeconds * 1_000,
  repeatMs: notify.repeatSeconds * 1_000,
  escalateMs: notify.escalateSeconds * 1_000,
})
