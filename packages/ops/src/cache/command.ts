import { parseArgs } from 'node:util'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from '../cli/connection.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { list } from './list.ts'
import { purge } from './purge.ts'
import { stats } from './stats.ts'

export const summary = 'shows, purges and fills the cache of exact answers that the agents share'

export const help = `llm-gateway cache: ${summary}.

Usage: llm-gateway cache <subcommand> [options]

  stats       counts answers and bytes by team, agent and model; hits and savings of the last 24 hours; the last purge
  list        lists answers: key, team, agent, model, age, size. No text, unless --reveal at a terminal
  purge       deletes matching answers of both caches, in Redis and in the memory of every process; asks first. What began
              before it is neither stored nor joined
  warm FILE   sends the requests of a JSONL file through the gateway, so that later ones are hits. Ctrl-C stops it; run
              again, it goes on where it was

  --team TEAM        only answers stored for an agent of this team
  --agent NAME       only answers stored for this agent; for warm: the agent of lines that name none  (LLM_GATEWAY_AGENT)
  --model MODEL      only answers of this model
  --key KEY          only the answer with this key, as in x-gateway-cache-key or in a call's record
  --all              for purge: every answer of all teams
  --limit N          for list: most answers, 1 to 100000         (100)
  --reveal           for list: also the answers; refused where standard output is no terminal
  --concurrency N    for warm: requests at one time, 1 to 64     (4)
  --restart          for warm: begins at the first line again
  -y, --yes          asks nothing
${CONNECTION_HELP}

A line of FILE is one of OpenAI's batch format: {"url": "/v1/chat/completions", "body": {...}}, with "agent" if you like.
warm uses OPENAI_API_KEY, LLM_GATEWAY_KEY, LLM_GATEWAY_POLICY and OPENAI_BASE_URL as agents do, and needs the same: answers
are shared by calls of the same account. It pays for each miss, within the limits of the team, and waits where they are
reached. Its place is in FILE.progress.json, which it deletes at the end. list --json prints one document a line, an answer each.

Examples:
  llm-gateway cache stats
  llm-gateway cache list --agent support --limit 20
  llm-gateway cache purge --team prod_customer --model gpt-4o
  llm-gateway cache purge --all --yes
  llm-gateway cache warm questions.jsonl --agent support --concurrency 8

Exit codes: 0 done, 1 declined, or some lines of FILE failed, 2 usage error, 130 stopped by Ctrl-C.
Details: docs/operations.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      team: { type: 'string' },
      agent: { type: 'string' },
      model: { type: 'string' },
      key: { type: 'string' },
      all: { type: 'boolean', default: false },
      limit: { type: 'string', default: '100' },
      reveal: { type: 'boolean', default: false },
      concurrency: { type: 'string', default: '4' },
      restart: { type: 'boolean', default: false },
      yes: { type: 'boolean', short: 'y', default: false },
    },
  })
  return await runSubcommand('cache', positionals, {
    stats: { run: () => stats(values) },
    list: { run: () => list(values) },
    purge: { run: () => purge(values) },
    warm: {
      takesOperand: true,
      run: async (file) => await (await import('./warm.ts')).warm(file, values),
    },
  })
}
