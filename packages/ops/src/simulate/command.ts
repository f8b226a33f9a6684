import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { hotdashPolicy, loadPolicy } from '@hotdash/llm-gateway/policy'
import { counted, printable } from '../cli/format.ts'
import { isOneFile } from '../cli/one-file.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { UsageError } from '../core/command.ts'
import { type Past, pastOf } from './calls.ts'
import type { Outcome } from './outcome.ts'
import type { Shown } from './page.ts'
import { readRows } from './read.ts'
import { limitLines, sideBySide, sweepLines, unpricedLines } from './render.ts'
import { recorded, simulateUnder } from './run.ts'
import { syntheticRows } from './synthetic.ts'
import { bare, swept, type Variant } from './variants.ts'

export const summary = 'plays a month of calls under other policies: hits, dollars, refusals, Redis'

export const help = `llm-gateway simulate: ${summary}.

Usage: llm-gateway simulate FILE [options]
       llm-gateway simulate --synthetic [options]

FILE has the calls: what \`llm-gateway usage export\` writes (CSV or JSON lines), or a trace of your own with these columns:
at, agent, team, and as known operation, model_asked, route, question, input_tokens, output_tokens, cached_input_tokens,
max_output_tokens, latency_ms, cache, bypass, status, cost_usd. Nothing is called, and no service is asked.

  --policy FILE       a policy to play them under; may be repeated     (LLM_GATEWAY_POLICY, else the built-in one)
  --sweep FIELD=A,B   also under the first policy with each of these values of a field
  --processes N       processes of each agent, which have memories of their own, 1 to 1000   (1)
  --synthetic         calls of HotDash's agents, made up: customers by day, reports by night
  --calls N           with --synthetic: number of calls, 1 to 5000000   (100000)
  --days N            with --synthetic: days, 1 to 366                  (30)
  --seed N            with --synthetic: other calls of the same kind, 0 to 999999999   (1)
  --json              one JSON document
  --html FILE         writes the result as one page without any other file, with plots of the days and of the sweep

Limits, prices and rules of models are those of the gateway itself. Answers keep their tokens, whatever the model. Rows of
llm_usage tell a repeated question only where it was a hit: hits under longer lifetimes are a lower bound. Semantic hits are
those of the past, where the policy's mode is on or auto.

Examples:
  llm-gateway usage export --from 2026-11-01 --to 2026-12-01 --out november.csv
  llm-gateway simulate november.csv --policy policy.json
  llm-gateway simulate november.csv --policy today.json --policy proposal.json
  llm-gateway simulate november.csv --sweep cache.exact.ttlSeconds=600,3600,86400,604800 --html sweep.html
  llm-gateway simulate --synthetic --calls 300000 --sweep teams.prod_customer.usdPerDay=10,20,50

Exit codes: 0 done, 1 the page cannot be written, 2 usage error. Details: docs/simulate.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      policy: { type: 'string', multiple: true },
      sweep: { type: 'string' },
      processes: { type: 'string', default: '1' },
      synthetic: { type: 'boolean', default: false },
      calls: { type: 'string', default: '100000' },
      days: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      html: { type: 'string' },
    },
  })
  const variants = variantsOf(values.policy)
  const [first] = variants as [Variant]
  const tried = values.sweep === undefined ? [] : swept(first.policy, values.sweep)
  if (positionals.some((file) => isOneFile(file, values.html)))
    throw new UsageError('--html names the file of the calls: the page would overwrite them.')
  const processes = wholeNumber('--processes', values.processes, 1, 1_000)
  const past = pastOf(await rowsOf(positionals, values))
  const timezone = first.policy.timezone ?? 'UTC'

  const outcomes: Outcome[] = values.synthetic ? [] : [recorded(past, timezone)]
  for (const variant of [bare(first.policy), ...variants])
    outcomes.push(await simulateUnder(variant, past, processes))
  const sweep: Outcome[] = []
  for (const variant of tried) sweep.push(await simulateUnder(variant, past, processes))
  if (values.json) printJson({ outcomes, ...(values.sweep !== undefined && { sweep }) })
  else print(past, outcomes, sweep, timezone)
  return values.html === undefined ? 0 : await writePage(values.html, { past, outcomes, sweep, timezone })
}

async function writePage(file: string, shown: Shown): Promise<number> {
  // Loads the chart library, which takes some 100 ms.
  const { renderPage } = await import('./page.ts')
  try {
    writeFileSync(file, renderPage(shown))
  } catch (error) {
    return printFailure(`--html ${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`)
  }
  printNote(`Written: ${file}`)
  return 0
}

function variantsOf(paths: string[] = []): Variant[] {
  const environment = process.env.LLM_GATEWAY_POLICY
  if (paths.length > 0) return paths.map((path) => ({ name: path, policy: loadPolicy(path) }))
  if (environment) return [{ name: environment, policy: loadPolicy(environment) }]
  return [{ name: 'built-in policy', policy: hotdashPolicy }]
}

async function rowsOf(
  positionals: string[],
  { synthetic, calls, days, seed }: { synthetic: boolean; calls: string; days: string; seed: string },
) {
  const [file, ...more] = positionals
  if (synthetic === (file !== undefined) || more.length > 0)
    throw new UsageError('llm-gateway simulate: give one file with calls, or --synthetic.')
  if (file !== undefined) {
    const { rows, unread } = await readRows(file)
    if (unread.length > 0) printNote(`Columns that are not read: ${unread.map(printable).join(', ')}.`)
    return rows
  }
  return syntheticRows({
    calls: wholeNumber('--calls', calls, 1, 5_000_000),
    days: wholeNumber('--days', days, 1, 366),
    seed: wholeNumber('--seed', seed, 0, 999_999_999),
  })
}

function print(past: Past[], outcomes: Outcome[], sweep: Outcome[], timezone: string): void {
  const style = styleFor(process.stdout)
  const [first, last] = [past[0], past.at(-1)]
  const day = (at = 0) => new Date(at).toISOString().slice(0, 10)
  const passed = past.filter(({ call }) => call === undefined).length
  printLine(`${counted(past.length, 'call')} from ${day(first?.row.at)} to ${day(last?.row.at)}`)
  printLine('')
  for (const line of sideBySide(outcomes, style)) printLine(line)
  for (const outcome of outcomes) for (const line of limitLines(outcome, timezone, style)) printLine(line)
  if (sweep.length > 0) for (const line of sweepLines(sweep, style)) printLine(line)
  if (passed > 0) printNote(`${counted(passed, 'call')} of other operations left out.`)
  for (const line of unpricedLines(outcomes)) printNote(line)
}
