import { parseArgs } from 'node:util'
import { runSubcommand } from '../cli/subcommand.ts'
import { exportRows } from './export.ts'
import { tail } from './tail.ts'

export const summary = 'follows the calls of all agents, and exports them as CSV, JSONL or Parquet'

export const help = `llm-gateway usage: ${summary}.

Usage: llm-gateway usage <subcommand> [options]

  tail     prints the last calls, and goes on with new ones until Ctrl-C; a row may arrive late, and appears then
  export   writes the calls in the order in which their rows arrived; with --cursor the next run goes on after the last row,
           without a gap and without a repetition

  --team TEAM        only this team's calls
  --agent NAME       only this agent's calls
  --model MODEL      only calls answered by this model
  --status ok|refused|aborted|failed   only calls that ended so
  --from TIME        for export: calls from this time on, e.g. 2026-11-23 or 2026-11-23T06:00:00-06:00; a day begins in UTC
  --to TIME          for export: calls before this time
  --format csv|jsonl|parquet   for export            (by the end of --out's name, else csv)
  --out FILE         for export: file to write; required for Parquet    (standard output)
  --cursor FILE      for export: file that remembers the last row; CSV and JSONL are appended to --out
  --columns A,B,C    for export: these columns only          (all of llm_usage)
  --lag SECONDS      for export: leaves out rows younger than this, which may still be overtaken, 0 to 3600   (30)
  --lines N          for tail: calls of the past to begin with, 0 to 1000   (10)
  --no-follow        for tail: ends after those
  --json             for tail: one JSON document a line

Both read SUPABASE_URL and SUPABASE_SECRET_KEY. A row has no question and no answer. In CSV, a text that a spreadsheet would
take for a formula gets an apostrophe before it; JSONL and Parquet have it as it is.

Examples:
  llm-gateway secrets exec --app operator -- llm-gateway usage tail
  llm-gateway usage tail --agent support --status failed --json
  llm-gateway usage export --from 2026-11-01 --to 2026-12-01 --out november.csv
  llm-gateway usage export --out calls.jsonl --cursor calls.cursor
  llm-gateway usage export --from 2026-11-01 --out november.parquet

Exit codes: 0 done, 1 Supabase cannot be read, 2 usage error. Details: docs/operations.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    allowNegative: true,
    options: {
      team: { type: 'string' },
      agent: { type: 'string' },
      model: { type: 'string' },
      status: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      format: { type: 'string' },
      out: { type: 'string' },
      cursor: { type: 'string' },
      columns: { type: 'string' },
      lag: { type: 'string', default: '30' },
      lines: { type: 'string', default: '10' },
      follow: { type: 'boolean', default: true },
      json: { type: 'boolean', default: false },
    },
  })
  return await runSubcommand('usage', positionals, {
    tail: { run: () => tail(values) },
    export: { run: () => exportRows(values) },
  })
}
