import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { GatewayOptionsError, type Policy } from '@hotdash/llm-gateway'
import { applySwitches, type Change, differences, type PolicyStore } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../command.ts'
import { nearest } from '../nearest.ts'
import {
  atStore,
  CHANGING,
  CHANGING_HELP,
  type Changing,
  change,
  policyInForce,
  tell,
} from '../policy/desk.ts'
import { painter } from '../policy/paint.ts'
import { diffLines, historyLines, seen, standingLine, switchLines } from '../policy/render.ts'

export const summary = 'the policy that all running agents go by: show, diff, push, rollback, history'

export const help = `llm-gateway policy: the policy that all agents at a Redis go by, changed without a deploy.

Usage: llm-gateway policy <what> [options]

  show                  the policy in force, as JSON; --applied: with what is switched laid over it
  diff FILE|-|VERSION   what would change if that were in force; without one: what the last change changed
  push FILE|-           puts a policy in force. Switches stay as they are
  rollback [VERSION]    puts back what was in force at a version, policy and switches (default: before the last change);
                        --keep-switches: its policy only
  history               the last 50 changes: who, when, why, what
  clear                 no live policy: each process goes by its own file again. Switches stay

${CHANGING_HELP}

What is not whole is refused, with each problem by its field, and what was in force stays. Two at once: the later one is
told what the other changed, and changes nothing. Processes follow within seconds, without a restart.

Examples:
  llm-gateway policy show > policy.json
  llm-gateway policy diff policy.json
  llm-gateway policy push policy.json -m "more for customers on Black Friday"
  llm-gateway policy history
  llm-gateway policy rollback
  llm-gateway policy rollback 20261123170511 --keep-switches
  jq '.teams.prod_ceo.rpm = 90' policy.json | llm-gateway policy push - --yes

Exit codes: 0 done, 1 refused or somebody else was faster, 2 not understood. docs/live-policy.md tells the rest.`

type Values = Changing & { applied: boolean; 'keep-switches': boolean }
type Sub = (store: PolicyStore, values: Values, operand: string | undefined) => Promise<number>

const SUBS: Record<string, Sub> = { show, diff, push, rollback, history, clear }

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CHANGING,
      applied: { type: 'boolean', default: false },
      'keep-switches': { type: 'boolean', default: false },
    },
  })
  const [name = '', operand, extra] = positionals
  const sub = Object.hasOwn(SUBS, name) ? SUBS[name] : undefined
  if (sub === undefined) throw new UsageError(unknown(name))
  const takesOne = name === 'diff' || name === 'push' || name === 'rollback'
  const tooMany = takesOne ? extra : operand
  if (tooMany !== undefined) throw new UsageError(`"${tooMany}" is a word too many.`)
  return await atStore(values, (store) => sub(store, values, operand))
}

function unknown(name: string): string {
  const names = Object.keys(SUBS)
  if (name === '') return `policy: which? ${names.join(', ')}`
  const meant = nearest(name, names)
  return `There is no "policy ${name}". ${meant === undefined ? `It is one of ${names.join(', ')}.` : `Did you mean: llm-gateway policy ${meant}`}`
}

/** The policy alone on standard output, to be edited and pushed; what else there is to say goes beside it. */
async function show(store: PolicyStore, { json, applied: whole }: Values): Promise<number> {
  const standing = await store.read()
  const { version, change, broken } = standing
  const { stdout, stderr } = process
  if (json) {
    stdout.write(`${JSON.stringify(change ?? { version, ...(broken === undefined ? {} : { broken }) })}\n`)
    return broken === undefined ? 0 : 1
  }
  const paint = painter(stderr)
  if (broken !== undefined) return tell(standingLine(standing, paint))
  stderr.write(`${standingLine(standing, paint)}\n`)
  const policy = policyInForce(change)
  if (change !== undefined && change.policy === undefined)
    stderr.write('There is no live policy, only switches: each process goes by its own.\n')
  if (change?.policy === undefined)
    stderr.write(
      `What follows is ${process.env.LLM_GATEWAY_POLICY ? 'the file in LLM_GATEWAY_POLICY' : "HotDash's own"}.\n`,
    )
  const switches = change?.switches ?? {}
  if (Object.keys(switches).length > 0)
    stderr.write(
      `Switched${whole ? ', and laid over it' : ' besides'}:\n${switchLines(switches, paint).join('\n')}\n`,
    )
  stdout.write(`${JSON.stringify(whole ? applySwitches({ version, policy, switches }) : policy, null, 2)}\n`)
  return 0
}

async function diff(store: PolicyStore, { json }: Values, operand: string | undefined): Promise<number> {
  const changes = await changesTo(store, operand)
  const { stdout } = process
  if (json) stdout.write(`${JSON.stringify(changes)}\n`)
  else if (changes.length > 0) stdout.write(`${diffLines(changes, painter(stdout)).join('\n')}\n`)
  else process.stderr.write('Nothing differs.\n')
  return 0
}

async function changesTo(store: PolicyStore, operand: string | undefined) {
  const { change: now } = await store.read()
  if (operand === undefined) {
    const [last, before] = await store.history()
    return differences(seen(before), seen(last))
  }
  if (/^\d+$/.test(operand)) return differences(seen(now), seen(await changeAt(store, Number(operand))))
  const live = { policy: policyInForce(now), switches: {} }
  return differences(seen(live), seen({ policy: policyFrom(operand), switches: {} }))
}

async function push(store: PolicyStore, values: Values, operand: string | undefined): Promise<number> {
  if (operand === undefined)
    throw new UsageError('Push which? A file with a policy as JSON, or - for standard input.')
  const policy = policyFrom(operand)
  const checked = store.check(policy)
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
  const then = await changeAt(store, operand === undefined ? undefined : Number(operand))
  return await change(
    store,
    values,
    ({ switches }) => ({
      ...(then.policy && { policy: then.policy }),
      switches: keepSwitches ? switches : then.switches,
    }),
    (note) => store.rollback(then.version, { ...note, keepSwitches }),
  )
}

async function changeAt(store: PolicyStore, version: number | undefined): Promise<Change> {
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
  const { stdout } = process
  if (json) stdout.write(`${JSON.stringify(changes)}\n`)
  else if (changes.length === 0) process.stderr.write('Nothing was ever changed live.\n')
  else stdout.write(`${historyLines(changes, version, painter(stdout)).join('\n')}\n`)
  return 0
}

async function clear(store: PolicyStore, values: Values): Promise<number> {
  return await change(store, values, ({ switches }) => ({ switches }), store.clear)
}

/** @throws UsageError for what cannot be read; @throws GatewayOptionsError for what is not JSON. */
function policyFrom(operand: string): Policy {
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
