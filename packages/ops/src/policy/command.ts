import { parseArgs } from 'node:util'
import type { Policy } from '@hotdash/llm-gateway'
import {
  applySwitches,
  type Change,
  differences,
  GatewayOptionsError,
  loadPolicy,
  type PolicyStore,
} from '@hotdash/llm-gateway/policy'
import { printable } from '../cli/format.ts'
import { printJson, printLine, printNote, printStyledNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'
import { change } from '../live-policy/change.ts'
import { CHANGE_HELP, CHANGE_OPTIONS, type ChangeOptions } from '../live-policy/options.ts'
import { diffLines, displayed, historyLines, stateLines, switchLines } from '../live-policy/render.ts'
import { fallbackPolicyName, policyInForce, withStore } from '../live-policy/store.ts'
import { explain, type PolicyAt } from './explain.ts'
import { readJson } from './file.ts'
import { init } from './init.ts'
import { type QuestionOptions, questionOf } from './question.ts'
import { status } from './status.ts'
import { validate } from './validate.ts'

export const summary =
  'writes, checks and explains a policy; shows and changes the live one of all running agents'

export const help = `llm-gateway policy: writes, checks and explains a policy; changes the live one of all agents, without a deploy.

Usage: llm-gateway policy <subcommand> [options]

Without a Redis:
  init [FILE]           writes a policy to start from (policy.json); --team NAME, --agent NAME (may be repeated)
  validate FILE|-       checks a policy, and names each problem under its field
  explain [FILE|-]      tells which team, model, limits and caches a call would meet, and why. FILE: the body of a
                        request. Sends nothing. Uses --policy FILE, else the live policy, else LLM_GATEWAY_POLICY

The live policy:
  status                lists the processes that follow it: versions, agent, the policy's version that each has
  show                  prints the policy in force as JSON; --applied: with the switches applied
  diff FILE|-|VERSION   shows what would change with that policy or version; without an operand: the last change
  push FILE|-           puts a policy in force; switches stay as they are
  rollback [VERSION]    restores policy and switches of a version (default: those before the last change);
                        --keep-switches: its policy only
  history               lists the last 50 changes: version, time, author, comment, differences
  clear                 removes the live policy: each process uses its own file again; switches stay

  --agent NAME          explain: the agent that calls          (LLM_GATEWAY_AGENT; its team key: LLM_GATEWAY_KEY)
  --model NAME          explain: the model that the call names
  --input-tokens N      explain: without a FILE, the size of the call's input  (100)
  --policy FILE         explain: the policy
  --force               init: overwrites the file

${CHANGE_HELP}

An invalid policy is refused, with each problem under its field, and changes nothing. Of two concurrent changes the
later one fails, and says what the other changed. Processes follow within seconds, without a restart.

Examples:
  llm-gateway policy init --team shop --agent assistant
  llm-gateway policy validate policy.json
  llm-gateway policy explain --policy policy.json --agent assistant --input-tokens 3000
  llm-gateway policy show > policy.json
  llm-gateway policy diff policy.json
  llm-gateway policy push policy.json -m "more for customers on Black Friday"
  llm-gateway policy history
  llm-gateway policy rollback
  llm-gateway policy rollback 20261123170511 --keep-switches
  jq '.teams.prod_ceo.rpm = 90' policy.json | llm-gateway policy push - --yes

Exit codes: 0 done, 1 refused or conflict, 2 usage error. Details: docs/live-policy.md`

type Values = ChangeOptions &
  QuestionOptions & {
    applied: boolean
    'keep-switches': boolean
    policy?: string | undefined
    force: boolean
  }

export async function run(argv: string[]): Promise<number> {
  const { values: given, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CHANGE_OPTIONS,
      applied: { type: 'boolean', default: false },
      'keep-switches': { type: 'boolean', default: false },
      agent: { type: 'string', multiple: true },
      team: { type: 'string' },
      model: { type: 'string' },
      'input-tokens': { type: 'string' },
      policy: { type: 'string' },
      force: { type: 'boolean', default: false },
    },
  })
  const { agent: agents, team, ...rest } = given
  const values: Values = { ...rest, agent: agents?.at(-1) }
  const atStore =
    (work: (store: PolicyStore, values: Values, operand: string | undefined) => Promise<number>) =>
    (operand: string | undefined) =>
      withStore(values, (store) => work(store, values, operand))
  return await runSubcommand('policy', positionals, {
    init: {
      takesOperand: true,
      run: (file = 'policy.json') => init(file, { team, agent: agents, force: values.force }),
    },
    validate: { takesOperand: true, run: (operand) => validate(operand, values.json) },
    explain: { takesOperand: true, run: (operand) => explainCall(operand, values) },
    status: { run: atStore((store, { json }) => status(store, json)) },
    show: { run: atStore(show) },
    diff: { takesOperand: true, run: atStore(diff) },
    push: { takesOperand: true, run: atStore(push) },
    rollback: { takesOperand: true, run: atStore(rollback) },
    history: { run: atStore(history) },
    clear: { run: atStore(clear) },
  })
}

/** Prints the policy on standard output, ready to be edited and pushed, and all else on standard error. */
async function show(store: PolicyStore, { json, applied: withSwitches }: Values): Promise<number> {
  const state = await store.read()
  const { version, change: live, broken } = state
  if (json) {
    printJson(live ?? { version, ...(broken === undefined ? {} : { broken }) })
    return broken === undefined ? 0 : 1
  }
  const style = styleFor(process.stderr)
  if (broken !== undefined) return printStyledNote(stateLines(state, style), 1)
  printStyledNote(stateLines(state, style))
  const policy = policyInForce(live)
  if (live !== undefined && live.policy === undefined)
    printNote('There is no live policy, only switches: each process uses its own policy.')
  if (live?.policy === undefined) printNote(`What follows is ${fallbackPolicyName()}.`)
  const switches = live?.switches ?? {}
  if (Object.keys(switches).length > 0)
    printNote(
      `Switches${withSwitches ? ', applied below' : ', not applied below'}:\n${switchLines(switches, style).join('\n')}`,
    )
  return printLine(
    JSON.stringify(withSwitches ? applySwitches({ version, policy, switches }) : policy, null, 2),
  )
}

async function diff(store: PolicyStore, { json }: Values, operand: string | undefined): Promise<number> {
  const changes = await changesTo(store, operand)
  if (json) return printJson(changes)
  if (changes.length === 0) return printNote('Nothing differs.')
  return printLine(diffLines(changes, styleFor(process.stdout)).join('\n'))
}

/** Returns the differences from the state in force to a file or version; without an operand, those of the last change. */
async function changesTo(store: PolicyStore, operand: string | undefined) {
  const { change: live } = await store.read()
  if (operand === undefined) {
    const [last, previous] = await store.history()
    return differences(displayed(previous), displayed(last))
  }
  if (/^\d+$/.test(operand))
    return differences(displayed(live), displayed(await findChange(store, Number(operand))))
  const inForce = { policy: policyInForce(live), switches: {} }
  return differences(displayed(inForce), displayed({ policy: readPolicy(operand), switches: {} }))
}

async function push(store: PolicyStore, values: Values, operand: string | undefined): Promise<number> {
  if (operand === undefined)
    throw new UsageError('Push which? A file with a policy as JSON, or - for standard input.')
  const checked = store.check(readPolicy(operand))
  return await change(
    store,
    values,
    ({ switches }) => ({ policy: checked, switches }),
    (note) => store.push(checked, note),
  )
}

async function rollback(store: PolicyStore, values: Values, operand: string | undefined): Promise<number> {
  if (operand !== undefined && !/^\d+$/.test(operand))
    throw new UsageError(`"${operand}" is not a version. See: llm-gateway policy history`)
  const keepSwitches = values['keep-switches']
  const target = await findChange(store, operand === undefined ? undefined : Number(operand))
  return await change(
    store,
    values,
    ({ switches }) => ({
      ...(target.policy && { policy: target.policy }),
      switches: keepSwitches ? switches : target.switches,
    }),
    (note) => store.rollback(target.version, { ...note, keepSwitches }),
  )
}

/**
 * Returns the change of a version; without a version, the one before the current.
 *
 * @throws GatewayOptionsError where the history does not hold it
 */
async function findChange(store: PolicyStore, version: number | undefined): Promise<Change> {
  const [{ version: current }, changes] = await Promise.all([store.read(), store.history()])
  const found = changes.find((change) =>
    version === undefined ? current === 0 || change.version < current : change.version === version,
  )
  if (found !== undefined) return found
  throw new GatewayOptionsError(
    version === undefined
      ? 'there is no version before this one'
      : `there is no version ${version}. See: llm-gateway policy history`,
  )
}

async function history(store: PolicyStore, { json }: Values): Promise<number> {
  const [{ version }, changes] = await Promise.all([store.read(), store.history()])
  if (json) return printJson(changes)
  if (changes.length === 0) return printNote('The history is empty: the policy was never changed live.')
  return printLine(historyLines(changes, version, styleFor(process.stdout)).join('\n'))
}

async function clear(store: PolicyStore, values: Values): Promise<number> {
  return await change(store, values, ({ switches }) => ({ switches }), store.clear)
}

async function explainCall(operand: string | undefined, values: Values): Promise<number> {
  const question = questionOf(operand, values, process.env)
  const { caller, outcome, lines } = await explain(await policyFor(values), question)
  const isRefused = outcome !== undefined && 'refused' in outcome
  if (values.json) {
    printJson({ caller, outcome, lines })
    return isRefused ? 1 : 0
  }
  const style = styleFor(process.stdout)
  for (const { what, value, why } of lines)
    printLine(
      `${style('bold', what.padEnd(15))} ${printable(value)}${why === '' ? '' : `\n${' '.repeat(16)}${style('dim', printable(why))}`}`,
    )
  return isRefused ? 1 : 0
}

/** Returns the policy to explain: of a file, else live, else that of a process with this environment. */
async function policyFor({ policy: file, redis }: Values): Promise<PolicyAt> {
  if (file !== undefined)
    return { policy: loadPolicy(readPolicy(file)), source: file, switches: {}, version: 0 }
  if (redis === undefined && !process.env.LLM_GATEWAY_REDIS_URL)
    return { policy: policyInForce(undefined), source: fallbackPolicyName(), switches: {}, version: 0 }
  let found: PolicyAt | undefined
  await withStore({ redis }, async (store) => {
    const { change: live, version } = await store.read()
    const source = live?.policy === undefined ? fallbackPolicyName() : 'the live policy'
    found = { policy: policyInForce(live), source, switches: live?.switches ?? {}, version }
    return 0
  })
  if (found === undefined) throw new UsageError('The live policy cannot be read.')
  return found
}

const readPolicy = (operand: string) => readJson(operand) as Policy
