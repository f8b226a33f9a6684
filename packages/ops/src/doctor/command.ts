import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { withDocs } from '../cli/docs.ts'
import { counted } from '../cli/format.ts'
import { printJson, printLine } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { refuseSurplus } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'
import { readAnswers } from '../deployment/answers.ts'
import { baseUrl } from '../supabase/http.ts'
import { examine } from './examine.ts'
import { AREAS, type Finding, type Level, type ProbeSettings } from './finding.ts'

export const summary = 'looks at all parts of a deployment, and says what to do about each problem'

export const help = `llm-gateway doctor: ${summary}.

Usage: llm-gateway doctor [options]

Looks at ${AREAS.join(', ')}.
Reads the variables that the gateway reads (llm-gateway secrets exec sets them). Logs in at the mail server. Sends one made-up call through the real client, and looks for its trace in Langfuse and its row in Supabase,
each with the right cost; the row is removed again. Spends nothing.

  --dir FOLDER     folder that llm-gateway init wrote, for policy and host names   (the current one)
  --policy FILE    policy as JSON                                   (LLM_GATEWAY_POLICY, or the folder's)
  --serve URL      a running llm-gateway serve
  --host NAME      host name whose DNS entry and certificate are checked; may be repeated  (the gateway's, of the folder)
  --no-host        checks no host name
  --read-only      writes no trace and no row
  --watch          goes on until SIGTERM, every --interval seconds
  --interval S     1 to 86400                                       (60)
  --json           prints one JSON document, with --watch one a line

Examples:
  llm-gateway secrets exec --app gateway -- llm-gateway doctor
  llm-gateway doctor --serve https://gateway.hotrodan.com --read-only
  llm-gateway doctor --watch --interval 300 --read-only --json

Exit codes: 0 no problem, 1 problems, 2 usage error. Warnings and skipped parts leave it at 0.`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: '.' },
      policy: { type: 'string' },
      serve: { type: 'string' },
      host: { type: 'string', multiple: true },
      'no-host': { type: 'boolean', default: false },
      'read-only': { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      interval: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
    },
  })
  refuseSurplus(positionals[0])
  const interval = Number(values.interval)
  if (!Number.isInteger(interval) || interval < 1 || interval > 86_400)
    throw new UsageError('--interval must be a whole number of seconds from 1 to 86400.')
  const serve = values.serve === undefined ? undefined : baseUrl(values.serve)
  if (values.serve !== undefined && serve === undefined)
    throw new UsageError('--serve must be an http address.')
  const answers = readAnswers(values.dir)
  const folderPolicy =
    answers === undefined || process.env.LLM_GATEWAY_POLICY
      ? undefined
      : `${values.dir}/fly/gateway/policy.json`
  const settings: ProbeSettings = {
    env: process.env,
    readOnly: values['read-only'],
    serve,
    hosts: values['no-host'] ? [] : (values.host ?? (answers === undefined ? [] : [answers.gatewayHost])),
    policy: values.policy ?? folderPolicy,
    hasFolder: answers !== undefined,
  }
  if (values.watch) return await watch(settings, interval, values.json)
  return print(await examine(settings), values.json)
}

/** Looks again and again until SIGTERM or SIGINT. Returns 0: the findings were printed. */
async function watch(settings: ProbeSettings, seconds: number, json: boolean): Promise<number> {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())
  while (!stop.signal.aborted) {
    const began = Date.now()
    const findings = await Promise.race([examine(settings), once(stop.signal, 'abort').then(() => undefined)])
    if (findings === undefined) break
    print(findings, json)
    const left = Math.max(1, seconds * 1_000 - (Date.now() - began))
    // Rejects at the signal only.
    await sleep(left, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  // A probe may still wait for an answer.
  setTimeout(() => process.exit(0), 100).unref()
  return 0
}

const MARKS: Record<Level, string> = { ok: 'ok', warning: 'WARNING', problem: 'PROBLEM', skipped: 'skipped' }
const COLOURS = { ok: 'green', warning: 'yellow', problem: 'red', skipped: 'dim' } as const

function print(findings: Finding[], json: boolean): number {
  const problems = findings.filter(({ level }) => level === 'problem').length
  const exitCode = problems === 0 ? 0 : 1
  if (json) {
    printJson({ at: new Date().toISOString(), healthy: problems === 0, findings })
    return exitCode
  }
  const style = styleFor(process.stdout)
  for (const { area, level, text, fix } of findings) {
    printLine(`${style(COLOURS[level], MARKS[level].padEnd(8))} ${area.padEnd(12)} ${text}`)
    if (fix !== undefined) printLine(`${' '.repeat(22)}${withDocs(fix)}`)
  }
  const warnings = findings.filter(({ level }) => level === 'warning').length
  printLine(`${counted(problems, 'problem')}, ${counted(warnings, 'warning')}.`)
  return exitCode
}
