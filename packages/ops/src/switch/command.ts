import { parseArgs } from 'node:util'
import { printable } from '../cli/format.ts'
import { printJson, printLine, printStyledNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { UsageError } from '../core/command.ts'
import { change } from '../live-policy/change.ts'
import { CHANGE_HELP, CHANGE_OPTIONS } from '../live-policy/options.ts'
import { stateLines, switchLines } from '../live-policy/render.ts'
import { policyInForce, withStore } from '../live-policy/store.ts'
import { parseSwitch } from './parse-switch.ts'
import { problemsOf } from './problems.ts'

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
  --force          also for an agent or team that the policy does not name, and to a model without a price
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
      force: { type: 'boolean', default: false },
      rpm: { type: 'string' },
      tpm: { type: 'string' },
      usd: { type: 'string' },
    },
  })
  if (positionals[0] === 'show') return await show(values)
  const { apply, names } = parseSwitch(positionals, values)
  return await withStore(values, async (store) => {
    const { change: live } = await store.read()
    const problems = await problemsOf(names, policyInForce(live), live?.switches ?? {})
    if (problems.length > 0 && !values.force)
      throw new UsageError(`${problems.join('\n')}\nTo switch it all the same: --force`)
    for (const problem of problems)
      printStyledNote(`${styleFor(process.stderr)('yellow', 'Note:')} ${printable(problem)}`)
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
      printStyledNote(stateLines(state, styleFor(process.stderr)))
      printLine(switchLines(switches, styleFor(process.stdout)).join('\n'))
    }
    return state.broken === undefined ? 0 : 1
  })
}
