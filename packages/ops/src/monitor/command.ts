import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { isFiring } from '../alerting/alert.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, requireRedisUrl } from '../cli/connection.ts'
import { counted } from '../cli/format.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { loadConfig, type MonitorConfig, parseConfig } from '../config/config.ts'
import { UsageError } from '../core/command.ts'
import { policyInForce } from '../live-policy/store.ts'
import { formatTime } from './conditions/format.ts'
import type { Channel } from './deliver/channel.ts'
import { createWebhookChannel } from './deliver/webhook.ts'
import type { Evaluation } from './evaluator.ts'
import { type StatusServer, startStatusServer } from './http.ts'
import { budgetsOf } from './measure/measure.ts'
import { createMonitor, type Monitor, type MonitorOptions } from './run.ts'
import { readMinutes, simulate } from './simulate.ts'

export const summary = 'watches the gateway and tells people by mail what is wrong, and when it is over'

export const help = `llm-gateway monitor: ${summary}.

Usage: llm-gateway monitor --config FILE [options]

  --config FILE    thresholds, recipients, quiet hours, escalation as JSON  (monitor.example.json shows all)
  --once           evaluates once and ends, for cron
  --simulate FILE  evaluates the minutes of a file instead, and prints which messages would have been sent when
  --name NAME      name of this monitor, the same after a restart           (the name of the machine)
  --port NUMBER    serves /metrics (Prometheus) and /healthz                (not served)
  --host ADDRESS   address to listen on                                     (127.0.0.1)
${CONNECTION_HELP}

Environment: LLM_GATEWAY_SMTP_URL (smtps://user:password@smtp.example.com), LLM_GATEWAY_REDIS_URL, LLM_GATEWAY_POLICY,
and the variables that the configuration names for webhooks and for the heartbeat.

Run two, on different machines: one leads, the other takes over when it dies. Each mail is sent once.
Silences and acknowledgements: llm-gateway silence --help

Examples:
  llm-gateway monitor --config monitor.json
  llm-gateway monitor --config monitor.json --port 9464
  llm-gateway monitor --config monitor.json --once --json
  llm-gateway monitor --config monitor.json --simulate week.jsonl

Exit codes: 0 done, 1 with --once: an alert is firing, or Redis is away, 2 usage or configuration error. Details: docs/monitoring.md`

export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...CONNECTION_OPTIONS,
      config: { type: 'string' },
      once: { type: 'boolean', default: false },
      simulate: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string' },
      name: { type: 'string', default: hostname() },
    },
  })
  const config = values.config === undefined ? parseConfig({}, 'the default') : loadConfig(values.config)
  // A policy file with a mistake is told now, and not taken for an outage later.
  policyInForce(undefined)
  if (values.simulate !== undefined) return await runSimulation(values.simulate, config, values.json)
  if (config.mail === undefined && config.webhooks.length === 0)
    printNote('Nothing is sent: the configuration (--config) has no mail and no webhook.')
  if (values.port !== undefined && !(/^\d{1,5}$/.test(values.port) && Number(values.port) <= 65_535))
    throw new UsageError('--port must be a number from 0 to 65535.')
  const log = (text: string) => void printNote(`${new Date().toISOString()} ${text}`)
  const monitor = await createMonitor({
    redis: requireRedisUrl(values.redis),
    config,
    name: values.name,
    channels: await channelsOf(config, process.env),
    ...heartbeatOf(config, process.env),
    log,
  })
  if (values.once) {
    const evaluation = await monitor.runOnce()
    await monitor.close()
    return printEvaluation(evaluation, values.json)
  }
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  log(`monitor ${values.name} watches every ${config.intervalSeconds} s`)
  // A port in use ends the monitor, or it would neither watch nor end.
  try {
    const server =
      values.port === undefined ? undefined : await serveStatus(monitor, values.host, values.port, config)
    if (server !== undefined) log(`/metrics and /healthz on port ${server.port}`)
    await monitor.run(stop.signal)
    server?.close()
  } finally {
    await monitor.close()
  }
  log('done')
  return 0
}

async function serveStatus(
  { status }: Monitor,
  host: string,
  port: string,
  { intervalSeconds, thresholds }: MonitorConfig,
): Promise<StatusServer> {
  const maxAgeMs = (3 * intervalSeconds + thresholds.probes.timeoutSeconds + 10) * 1_000
  return await startStatusServer(status, { host, port: Number(port), maxAgeMs })
}

async function runSimulation(path: string, config: MonitorConfig, asJson: boolean): Promise<number> {
  const { teams = {}, timezone = 'UTC' } = policyInForce(undefined)
  const zone = config.timezone ?? timezone
  const sent = simulate(await readMinutes(path), config, budgetsOf(teams), zone)
  if (asJson) return printJson(sent)
  for (const { at, kind, incident, text } of sent)
    printLine(`${formatTime(at, zone, 0)}  ${kind.padEnd(10)}  ${incident.padEnd(22)}  ${text}`)
  return printNote(`${counted(sent.length, 'message')} would have been sent (times in ${zone}).`)
}

/** @throws UsageError (rejects) where an address is missing or is not one */
async function channelsOf(config: MonitorConfig, env: NodeJS.ProcessEnv): Promise<Channel[]> {
  const timeoutMs = (config.mail?.timeoutSeconds ?? 30) * 1_000
  const webhooks = config.webhooks.map(({ name, urlVariable }) =>
    createWebhookChannel(name, required(env, urlVariable), timeoutMs),
  )
  if (config.mail === undefined) return webhooks
  const url = required(env, 'LLM_GATEWAY_SMTP_URL')
  const { createMailChannel } = await import('./deliver/smtp.ts')
  return [createMailChannel(url, config.mail), ...webhooks]
}

const heartbeatOf = (
  { heartbeatVariable: name }: MonitorConfig,
  env: NodeJS.ProcessEnv,
): Pick<MonitorOptions, 'heartbeatUrl'> => (name === undefined ? {} : { heartbeatUrl: required(env, name) })

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name]
  if (value) return value
  throw new UsageError(`${name} is not set: the configuration of the monitor needs it.`)
}

function printEvaluation({ role, stored, measured }: Evaluation, asJson: boolean): number {
  const alerts = Object.values(stored.state.incidents).flatMap(({ id, members }) =>
    Object.values(members)
      .filter(isFiring)
      .map((alert) => ({ incident: id, ...alert })),
  )
  // How long Redis is away is kept in Redis: for one evaluation, its absence is enough.
  const trouble = measured?.redisTrouble
  const isAway = trouble !== undefined && trouble !== ''
  if (asJson) printJson({ role, alerts, pending: Object.values(stored.state.pending), measured })
  else {
    if (isAway) printLine(`Redis cannot be used (${trouble}): the alerts that it keeps are not known.`)
    else if (alerts.length === 0) printLine('No alert is firing.')
    for (const { incident, severity, text } of alerts)
      printLine(`${severity.padEnd(8)} ${incident.padEnd(28)} ${text}`)
  }
  return alerts.length === 0 && !isAway ? 0 : 1
}
