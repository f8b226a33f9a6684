import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { isFiring } from '../alerting/alert.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, requireRedisUrl } from '../cli/connection.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'
import { loadConfig, type MonitorConfig, parseConfig } from './config.ts'
import type { Channel } from './deliver/channel.ts'
import { createMailChannel } from './deliver/smtp.ts'
import { createWebhookChannel } from './deliver/webhook.ts'
import type { Evaluation } from './evaluator.ts'
import { createMonitor, type MonitorOptions } from './run.ts'

export const summary = 'watches the gateway and tells people by mail what is wrong, and when it is over'

export const help = `llm-gateway monitor: ${summary}.

Usage: llm-gateway monitor --config FILE [options]

  --config FILE    thresholds, recipients, quiet hours, escalation as JSON  (monitor.example.json shows all)
  --once           evaluates once and ends, for cron
  --name NAME      name of this monitor, the same after a restart           (the name of the machine)
${CONNECTION_HELP}

Environment: LLM_GATEWAY_SMTP_URL (smtps://user:password@smtp.example.com), LLM_GATEWAY_REDIS_URL, LLM_GATEWAY_POLICY,
and the variables that the configuration names for webhooks and for the heartbeat.

Run two, on different machines: one leads, the other takes over when it dies. Each mail is sent once.
Silences and acknowledgements: llm-gateway silence --help

Examples:
  llm-gateway monitor --config monitor.json
  llm-gateway monitor --config monitor.json --once --json

Exit codes: 0 done, 1 with --once: an alert is firing, 2 usage or configuration error. Details: docs/monitoring.md`

export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...CONNECTION_OPTIONS,
      config: { type: 'string' },
      once: { type: 'boolean', default: false },
      name: { type: 'string', default: hostname() },
    },
  })
  const config = values.config === undefined ? parseConfig({}, 'the default') : loadConfig(values.config)
  const log = (text: string) => void printNote(`${new Date().toISOString()} ${text}`)
  const monitor = await createMonitor({
    redis: requireRedisUrl(values.redis),
    config,
    name: values.name,
    channels: channelsOf(config, process.env),
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
  await monitor.run(stop.signal)
  await monitor.close()
  log('done')
  return 0
}

/** @throws UsageError where an address is missing or is not one */
function channelsOf(config: MonitorConfig, env: NodeJS.ProcessEnv): Channel[] {
  const timeoutMs = (config.mail?.timeoutSeconds ?? 30) * 1_000
  const webhooks = config.webhooks.map(({ name, urlVariable }) =>
    createWebhookChannel(name, required(env, urlVariable), timeoutMs),
  )
  if (config.mail === undefined) return webhooks
  return [createMailChannel(required(env, 'LLM_GATEWAY_SMTP_URL'), config.mail), ...webhooks]
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
  if (asJson) printJson({ role, alerts, pending: Object.values(stored.state.pending), measured })
  else if (alerts.length === 0) printLine('No alert is firing.')
  else
    for (const { incident, severity, text } of alerts)
      printLine(`${severity.padEnd(8)} ${incident.padEnd(28)} ${text}`)
  return alerts.length === 0 ? 0 : 1
}
