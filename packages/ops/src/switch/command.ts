import { parseArgs } from 'node:util'
import type { Policy } from '@hotdash/llm-gateway'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { suggest } from '../cli/suggest.ts'
import { UsageError } from '../core/command.ts'
import { change } from '../live-policy/change.ts'
import { CHANGE_HELP, CHANGE_OPTIONS } from '../live-policy/options.ts'
import { stateLines, switchLines } from '../live-policy/render.ts'
import { policyInForce, withStore } from '../live-policy/store.ts'
import { parseSwitch, type SwitchChange } from './parse-switch.ts'

export const summary =
  'changes one thing for all running agents within seconds: mode, caches, an agent, limits, a model'

export const help = `llm-gateway switch: changes one thing for all running agents at a Redis, within seconds and without a deploy.

Usage: llm-gateway switch <subcommand> ... [options]

  show                              lists the switches that are set
  mode embedded|litellm|direct      sends calls through the pipeline, a LiteLLM proxy, or straight to OpenAI
  cache off                         stores no answer, and serves none from a cache
  semantic off|shadow               serves no semantic hit; shadow: only counts the hits it would have served
  agent NAME off                    refuses the calls of an agent
  limits TEAM --rpm N --tpm N --usd N    sets those limits of a team: requests and tokens a minute, US dollars a day
  model FROM TO                     answers with TO wherever FROM was chosen or named
  reset                             takes every switch back

  --agent NAME     for one agent only: mode, cache, semantic
${CHANGE_HELP}

"on" or "reset" in place of the state takes one switch back: the policy decides again. A switch never enables what the
policy disables, and grants no key and no model.

Examples:
  llm-gateway switch mode litellm                       # the whole fleet through the proxy
  llm-gateway switch mode direct --agent seo -m "cache gives old prices"
  llm-gateway switch agent seo off                      # it loops
  llm-gateway switch limits prod_ceo --rpm 30 --usd 10
  llm-gateway switch model gpt-4o gpt-4o-mini
  llm-gateway switch mode reset                         # as the policy says
  llm-gateway policy rollback                           # undoes the last change, whatever it was

Exit codes: 0 done, 1 refused or conflict, 2 usage error. Details: docs/live-policy.md`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CHANGE_OPTIONS,
      agent: { type: 'string' },
      rpm: { type: 'string' },
      tpm: { type: 'string' },
      usd: { type: 'string' },
    },
  })
  if (positionals[0] === 'show') return await show(values)
  const { apply, names } = parseSwitch(positionals, values)
  return await withStore(values, async (store) => {
    const { change: live } = await store.read()
    for (const warning of warnings(names, policyInForce(live), live?.policy !== undefined))
      printNote(`${styleFor(process.stderr)('yellow', 'Note:')} ${warning}`)
    return await change(
      store,
      values,
      ({ policy, switches }) => ({ ...(policy && { policy }), switches: apply(switches) }),
      (note) => store.switch(apply, note),
    )
  })
}

async function show(values: { redis?: string | undefined; json: boolean }): Promise<number> {
  return await withStore(values, async (store) => {
    const state = await store.read()
    const switches = state.change?.switches ?? {}
    if (values.json) printJson({ version: state.version, switches })
    else {
      printNote(stateLines(state, styleFor(process.stderr)))
      printLine(switchLines(switches, styleFor(process.stdout)).join('\n'))
    }
    return state.broken === undefined ? 0 : 1
  })
}

/**
 * Returns a warning for each name that the policy does not know: an agent may run without being listed in a team.
 *
 * @param isLive whether the policy is the live one, which binds all processes
 * @throws UsageError for a team that the live policy lacks: it has no limits to change
 */
function warnings(
  { agent, team, models = [] }: SwitchChange['names'],
  policy: Policy,
  isLive: boolean,
): string[] {
  const teams = Object.keys(policy.teams ?? {})
  if (team !== undefined && !teams.includes(team)) {
    const warning = `The policy has no team "${team}"${suggestion(team, teams)}`
    if (isLive) throw new UsageError(warning)
    return [`${warning} Processes with another policy may have.`]
  }
  const agents = Object.values(policy.teams ?? {}).flatMap(({ agents = [] }) => agents)
  if (agent !== undefined && !agents.includes(agent))
    return [`No team of the policy lists an agent "${agent}"${suggestion(agent, agents)}`]
  const known = Object.keys(policy.models ?? {})
  return models
    .filter((model) => !known.includes(model))
    .map(
      (model) =>
        `The policy has no price for "${model}": it is refused to teams with a limit in US dollars${suggestion(model, known)}`,
    )
}

function suggestion(typed: string, names: string[]): string {
  const name = suggest(typed, names)
  return name === undefined ? '.' : `; did you mean "${name}"?`
}
