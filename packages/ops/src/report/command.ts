import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CONNECTION_OPTIONS } from '../cli/connection.ts'
import { counted } from '../cli/format.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { refuseSurplus } from '../cli/subcommand.ts'
import { loadConfig, type MonitorConfig, parseConfig } from '../config/config.ts'
import { requireMail } from './mail/recipients.ts'
import { createReport, type Report } from './report.ts'
import { renderTerminal } from './terminal.ts'

export const summary = 'tells whether the gateway is worth it: targets, cost, savings, forecast of the month'

export const help = `llm-gateway report: ${summary}.

Usage: llm-gateway report [--from DATE --to DATE] [options]

Reads the calls in Supabase, as sums that the database adds up, and the probes of llm-gateway monitor in Redis.

  --from DATE      first day, such as 2026-11-23                    (six days before --to)
  --to DATE        last day, included                               (today)
  --html FILE      writes the report as one page without any other file: plots, dark and light, for phone and print
  --email          sends the report, with that page, to the recipients of the configuration (mail.to)
  --config FILE    targets, recipients, time zone: the file of llm-gateway monitor   (monitor.example.json shows all)
  --redis URL      Redis server that the agents share, for uptime, live policy and mode auto  (LLM_GATEWAY_REDIS_URL)
  --json           prints one JSON document on standard output, for programs

Environment: SUPABASE_URL, SUPABASE_SECRET_KEY, LLM_GATEWAY_REDIS_URL, LLM_GATEWAY_POLICY, and with --email
LLM_GATEWAY_SMTP_URL (smtps://user:password@smtp.example.com). llm-gateway secrets exec sets them.

Examples:
  llm-gateway report
  llm-gateway report --from 2026-11-23 --to 2026-11-29 --html week-1.html
  llm-gateway report --config monitor.json --email
  llm-gateway report --json | jq .verdict

Exit codes: 0 done (also where targets are missed), 1 Supabase cannot be read or the mail was not accepted,
2 usage or configuration error. What each figure means: docs/reports.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      from: { type: 'string' },
      to: { type: 'string' },
      html: { type: 'string' },
      email: { type: 'boolean', default: false },
      config: { type: 'string' },
    },
  })
  refuseSurplus(positionals[0])
  const config = values.config === undefined ? parseConfig({}, 'the default') : loadConfig(values.config)
  if (values.email) requireMail(config.mail, process.env)
  const [{ createSource }, { gather }] = await Promise.all([import('./source.ts'), import('./gather.ts')])
  const material = await gather({
    source: createSource(process.env),
    redis: values.redis ?? (process.env.LLM_GATEWAY_REDIS_URL || undefined),
    from: values.from,
    to: values.to,
    config: config.report,
    timezone: config.timezone,
    now: Date.now(),
    progress: showProgress,
  })
  const report = createReport(material)
  if (values.json) printJson(report)
  else {
    const columns = Math.min(120, Math.max(60, process.stdout.columns || 80))
    printLine(renderTerminal(report, { columns, style: styleFor(process.stdout) }))
  }
  if (values.html === undefined && !values.email) return 0
  // Loads the chart library, which takes some 100 ms.
  const { renderPage } = await import('./page/page.ts')
  const page = renderPage(report)
  if (values.html !== undefined) {
    try {
      writeFileSync(values.html, page)
    } catch (error) {
      return printFailure(
        `--html ${values.html} cannot be written (${(error as NodeJS.ErrnoException).code}).`,
      )
    }
    printNote(`Written: ${values.html}`)
  }
  return values.email ? await mail(report, page, config) : 0
}

async function mail(report: Report, page: string, config: MonitorConfig): Promise<number> {
  const { sendReport } = await import('./mail/send.ts')
  const outcome = await sendReport(report, page, config, process.env)
  if (outcome.result === 'delivered')
    return printNote(`Sent to ${counted(config.mail?.to.length ?? 0, 'recipient')}.`)
  const { adviceOn } = await import('../smtp/sender.ts')
  return printFailure(`The mail was not accepted: ${outcome.reason}\n${adviceOn(outcome.reason)}`)
}

/** Shows progress at a terminal only, in one line that is cleared at the end. */
function showProgress(done: number, days: number): void {
  if (process.stderr.isTTY !== true) return
  process.stderr.write(done < days ? `\rRead ${done} of ${counted(days, 'day')} … ` : '\r\u001b[K')
}
