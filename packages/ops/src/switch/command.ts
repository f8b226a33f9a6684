import { parseArgs } from 'node:util'
import type { Policy } from '@hotdash/llm-gateway'
import { nearest } from '../cli/suggest.ts'
import { UsageError } from '../core/command.ts'
import { atStore, CHANGING, CHANGING_HELP, change, policyInForce } from '../live-policy/change.ts'
import { painter } from '../live-policy/paint.ts'
import { standingLine, switchLines } from '../live-policy/render.ts'
import { type Turn, turnOf } from './parse-switch.ts'

export const summary =
  'turns something for all running agents, within seconds: mode, caches, an agent, limits, a model'

export const help = `llm-gateway switch: turns something for all running agents at a Redis, within seconds and without a deploy.

Usage: llm-gateway switch <what> ... [options]

  show                              what is switched
  mode embedded|litellm|direct      how calls go: through the pipeline, a LiteLLM proxy, or straight to OpenAI
  cache off                         no answer is cached, or given from a cache
  semantic off|shadow               no answer by meaning; shadow: only counts what it would have given
  agent NAME off                    an agent's calls are refused
  limits TEAM --rpm N --tpm N --usd N    a team's requests and tokens a minute, dollars a day; those that are named
  model FROM TO                     who answers in its place, wherever FROM was chosen or named
  reset                             takes every switch back

  --agent NAME     for one agent: mode, cache, semantic
${CHANGING_HELP}

"on" or "reset" in place of the state takes one switch back: the policy decides again. A switch never switches on what
the policy has off, and gives nobody a key or a model.

Examples:
  llm-gateway switch mode litellm                       # the whole fleet through the proxy
  llm-gateway switch mode direct --agent seo -m "cache gives old prices"
  llm-gateway switch agent seo off                      # it loops
  llm-gateway switch limits prod_ceo --rpm 30 --usd 10
  llm-gateway switch model gpt-4o gpt-4o-mini
  llm-gateway switch mode reset                         # as the policy says
  llm-gateway policy rollback                           # undoes the last change, whatever it was

Exit codes: 0 done, 1 refused or somebody else was faster, 2 not understood. docs/live-policy.md tells the rest.`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CHANGING,
      agent: { type: 'string' },
      rpm: { type: 'string' },
      tpm: { type: 'string' },
      usd: { type: 'string' },
    },
  })
  if (positionals[0] === 'show') return await show(values)
  const turn = turnOf(positionals, values)
  return await atStore(values, async (store) => {
    const { change: now } = await store.read()
    for (const warning of looked(turn, policyInForce(now), now?.policy !== undefined))
      process.stderr.write(`${painter(process.stderr)('yellow', 'Note:')} ${warning}\n`)
    return await change(
      store,
      values,
      ({ policy, switches }) => ({ ...(policy && { policy }), switches: turn.turned(switches) }),
      (note) => store.switch(turn.turned, note),
    )
  })
}

async function show(values: { redis?: string | undefined; json: boolean }): Promise<number> {
  return await atStore(values, async (store) => {
    const standing = await store.read()
    const switches = standing.change?.switches ?? {}
    const { stdout } = process
    if (values.json) stdout.write(`${JSON.stringify({ version: standing.version, switches })}\n`)
    else {
      process.stderr.write(`${standingLine(standing, painter(process.stderr))}\n`)
      stdout.write(`${switchLines(switches, painter(stdout)).join('\n')}\n`)
    }
    return standing.broken === undefined ? 0 : 1
  })
}

/**
 * Names that the policy does not know. An agent may be in no team and still be running; a team that is not there has no
 * limits to be changed.
 */
function looked({ names: { agent, team, models = [] } }: Turn, policy: Policy, isLive: boolean): string[] {
  const teams = Object.keys(policy.teams ?? {})
  if (team !== undefined && !teams.includes(team)) {
    const unknown = `The policy has no team "${team}"${meant(team, teams)}`
    if (isLive) throw new UsageError(unknown)
    return [`${unknown} Processes with another policy may have.`]
  }
  const agents = Object.values(policy.teams ?? {}).flatMap(({ agents = [] }) => agents)
  if (agent !== undefined && !agents.includes(agent))
    return [`No team of the policy lists an agent "${agent}"${meant(agent, agents)}`]
  const known = Object.keys(policy.models ?? {})
  return models
    .filter((model) => !known.includes(model))
    .map(
      (model) =>
        `The policy has no price for "${model}": teams with dollars a day are refused it${meant(model, known)}`,
    )
}

function meant(typed: string, names: string[]): string {
  const near = nearest(typed, names)
  return near === undefined ? '.' : `; did you mean "${near}"?`
}
