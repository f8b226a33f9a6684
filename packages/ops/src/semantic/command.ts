import { parseArgs } from 'node:util'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from '../cli/connection.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { inspect, list, pin, remove } from './entries.ts'
import { label } from './label.ts'
import { stats } from './stats.ts'
import { why } from './why.ts'

export const summary = "shows what the semantic cache knows, and takes a person's word on its answers"

export const help = `llm-gateway semantic: ${summary}.

Usage: llm-gateway semantic <subcommand> [options]

  stats         counts entries, pins, bytes and labels by team; hits, savings and costs by agent in the last 24 hours
  why           tells of each agent in mode auto whether it serves, and why: evidence, balance, what is missing
  list          lists entries: key, agent, model, age, pin. No text, unless --reveal at a terminal
  inspect KEY   shows one entry
  pin KEY       keeps an entry for a year, and lets no new answer replace it; with --off: restores its expiry
  remove KEY    removes an entry, and the same answer from the exact cache; asks first
  label KEY --wrong    says that the answer was wrong for the question that was asked: it is unpinned, learned from, removed
                       from both caches, and never served for that question again
  label KEY --right    says that it was right: only learned from

  --team TEAM          for list and why: only this team
  --agent NAME         for list and why: only this agent
  --model MODEL        for list: only answers of this model
  --limit N            for list: most entries, 1 to 10000   (100)
  --reveal             for list and inspect: also question and answer; refused where standard output is no terminal
  --off                for pin: takes the pin back
  --wrong              for label
  --right              for label
  --similarity S       for label: semantic.similarity of the call's record; without it, thresholds learn nothing
  --path nearest|consensus   for label: semantic.path of the record                   (nearest)
  --confidence C       for label: semantic.confidence of the record, for --path consensus
  --record FILE        for label: the call's record as JSON, which has all of these; - reads standard input
  --asked FILE         for label: the question that was asked, as text; - reads standard input
  --embedder ID        for label: id of the embedder that agents use  (text-embedding-3-large/1024)
  -y, --yes            asks nothing
${CONNECTION_HELP}

KEY is semantic.entry of a call's record, as in Langfuse. Entries are signed: LLM_GATEWAY_SEMANTIC_SECRET holds the agents'
cache.semantic.secret; without it, LLM_GATEWAY_KEY is used, the key of the entry's team. Questions are never arguments, which
the shell's history would keep.

Examples:
  llm-gateway semantic stats
  llm-gateway semantic why --agent support
  llm-gateway semantic list --agent support --limit 20
  llm-gateway semantic inspect "$KEY" --reveal
  llm-gateway semantic label "$KEY" --wrong --similarity 0.93
  llm-gateway semantic label --wrong --record call.json --asked question.txt
  llm-gateway semantic pin "$KEY"

Exit codes: 0 done, 1 declined, or there is no such entry under this secret, 2 usage error. Details: docs/operations.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      team: { type: 'string' },
      agent: { type: 'string' },
      model: { type: 'string' },
      limit: { type: 'string', default: '100' },
      reveal: { type: 'boolean', default: false },
      off: { type: 'boolean', default: false },
      wrong: { type: 'boolean', default: false },
      right: { type: 'boolean', default: false },
      similarity: { type: 'string' },
      path: { type: 'string' },
      confidence: { type: 'string' },
      record: { type: 'string' },
      asked: { type: 'string' },
      embedder: { type: 'string' },
      yes: { type: 'boolean', short: 'y', default: false },
    },
  })
  return await runSubcommand('semantic', positionals, {
    stats: { run: () => stats(values) },
    why: { run: () => why(values) },
    list: { run: () => list(values) },
    inspect: { takesOperand: true, run: (key) => inspect(values, key) },
    pin: { takesOperand: true, run: (key) => pin(values, key) },
    remove: { takesOperand: true, run: (key) => remove(values, key) },
    label: { takesOperand: true, run: (key) => label(values, key) },
  })
}
