import { parseArgs } from 'node:util'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from '../cli/connection.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { type Context, withBooks } from './context.ts'
import { reconcile } from './reconcile.ts'
import { reset } from './reset.ts'
import { show } from './show.ts'

export const summary = "shows a team's limits and what is spent of them, and corrects the books in Redis"

export const help = `llm-gateway quota: ${summary}.

Usage: llm-gateway quota <subcommand> [options]

  show        shows the books of each team: dollars of the day, requests and tokens of the minute, and the share of each
              process; with --log: the last changes by operators
  reset       starts a team's books from zero; asks first. Holds and leases stay: what live processes may still spend
              keeps counting, so that a limit is never exceeded by them
  reconcile   compares the books of the day with the rows of llm_usage in Supabase, by team; changes nothing without
              --apply. Exit code 1 where rows show more than the books

  --team TEAM      for this team only; may be repeated          (all teams of the policy in force)
  --processes      for show: a line for each process that holds a lease
  --log            for show: the last changes by operators
  --what day|minute|day+minute   for reset: dollars of the day, or requests and tokens of the minute  (day)
  --apply          for reconcile: raises the books to what the rows show; asks first
  --lower          for reconcile --apply: also lowers them, where no row waits for Supabase
  -y, --yes        asks nothing
  -m, --message TEXT   why, for the log
  --by NAME        who, for the log                        (user@host)
${CONNECTION_HELP}

reconcile reads SUPABASE_URL and SUPABASE_SECRET_KEY. Each change is logged beside the books, with the figures before and
after, for 400 days.

Examples:
  llm-gateway quota show
  llm-gateway quota show --team prod_ceo --processes
  llm-gateway quota reset --team prod_ceo -m "a load test has spent the day"
  llm-gateway quota reset --team prod_ceo --what minute --yes
  llm-gateway secrets exec --app operator -- llm-gateway quota reconcile
  llm-gateway quota reconcile --apply --yes -m "Redis was emptied at 10:40"

Exit codes: 0 done, 1 declined, nothing to reset, or rows show more than the books, 2 usage error.
Details: docs/operations.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      team: { type: 'string', multiple: true, default: [] },
      processes: { type: 'boolean', default: false },
      log: { type: 'boolean', default: false },
      what: { type: 'string', default: 'day' },
      apply: { type: 'boolean', default: false },
      lower: { type: 'boolean', default: false },
      yes: { type: 'boolean', short: 'y', default: false },
      message: { type: 'string', short: 'm', default: '' },
      by: { type: 'string' },
    },
  })
  const atBooks = (work: (context: Context) => Promise<number>) => ({ run: () => withBooks(values, work) })
  return await runSubcommand(
    'quota',
    positionals,
    { show: atBooks(show), reset: atBooks(reset), reconcile: atBooks(reconcile) },
    'Teams are given by --team.',
  )
}
