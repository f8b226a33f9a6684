import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { GatewayOptionsError, type Policy } from '@hotdash/llm-gateway'
import { applySwitches, type Change, differences, type PolicyStore } from '@hotdash/llm-gateway/policy'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'
import { change } from '../live-policy/change.ts'
import { CHANGE_HELP, CHANGE_OPTIONS, type ChangeOptions } from '../live-policy/options.ts'
import { diffLines, displayed, historyLines, stateLines, switchLines } from '../live-policy/render.ts'
import { fallbackPolicyName, policyInForce, withStore } from '../live-policy/store.ts'

export const summary =
  'shows and changes the live policy of all running agents: push, diff, rollback, history'

export const help = `llm-gateway policy: shows and changes the live policy of all agents at a Redis, without a deploy.

Usage: llm-gateway policy <subcommand> [options]

  show                  prints the policy in force as JSON; --applied: with the switches applied
  diff FILE|-|VERSION   shows what would change with that policy or version; without an operand: the last change
  push FILE|-           puts a policy in force; switches stay as they are
  rollback [VERSION]    restores policy and switches of a version (default: those before the last change);
                        --keep-switches: its policy only
  history               lists the last 50 changes: version, time, author, comment, differences
  clear                 removes the live policy: each process uses its own file again; switches stay

${CHANGE_HELP}

An invalid policy is refused, with each problem under its field, and changes nothing. Of two concurrent changes the
later one fails, and says what the other changed. Processes follow within seconds, without a restart.

Examples:
  llm-gateway policy show > policy.json
  llm-gateway policy diff policy.json
  llm-gateway policy push policy.json -m "more for customers on Black Friday"
  llm-gateway policy history
  llm-gateway policy rollback
  llm-gateway policy rollback 20261123170511 --keep-switches
  jq '.teams.prod_ceo.rpm = 90' policy.json | llm-gateway policy push - --yes

Exit codes: 0 done, 1 refused or conflict, 2 usage error. Details: docs/live-policy.md`

type Values = ChangeOptions & { applied: boolean; 'keep-switches': boolean }

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CHANGE_OPTIONS,
      applied: { type: 'boolean', default: false },
      'keep-switches': { type: 'boolean', default: false },
    },
  })
  const atStore =
    (work: (store: PolicyStore, values: Values, operand: string | undefined) => Promise<number>) =>
    (operand: string | undefined) =>
      withStore(values, (store) => work(store, values, operand))
  return await runSubcommand('policy', positionals, {
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
  if (broken !== undefined) return printFailure(stateLines(state, style))
  printNote(stateLines(state, style))
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

/**
 * Reads and parses a policy from a file, or from standard input for `-`.
 *
 * @throws UsageError where it cannot be read
 * @throws GatewayOptionsError where it is not JSON
 */
function readPolicy(operand: string): Policy {
  let text: string
  try {
    text = readFileSync(operand === '-' ? 0 : operand, 'utf8')
  } catch (error) {
    throw new UsageError(`${operand} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
  try {
    return JSON.parse(text) as Policy
  } catch (error) {
    throw new GatewayOptionsError(
      `${operand === '-' ? 'standard input' : operand} is not JSON: ${(error as Error).message}`,
    )
  }
}
