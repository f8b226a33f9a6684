import type { Policy } from '@hotdash/llm-gateway'
import {
  type AppliedChange,
  applySwitches,
  type Change,
  type ChangeInfo,
  type Difference,
  differences,
  type PolicyStore,
  unpricedChoices,
} from '@hotdash/llm-gateway/policy'
import { confirm } from '../cli/confirm.ts'
import { printable } from '../cli/format.ts'
import { operatorName } from '../cli/operator.ts'
import { printFailure, printJson, printNote, printStyledNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import type { ChangeOptions } from './options.ts'
import { diffLines, displayed, stateLines } from './render.ts'
import { fallbackPolicyName, policyInForce } from './store.ts'

const CONFIRM_FIX = 'say --yes, or --dry-run to see what would change'

/** What is live: a policy, if any, and switches. */
type LiveState = Pick<Change, 'policy' | 'switches'>

/**
 * Shows the differences to the next state, asks for confirmation and commits the change. The commit is based on the
 * version that was shown: a change by another operator in the meantime makes it fail with `PolicyConflict`.
 *
 * @param next returns the next state from the state in force
 * @param commit writes the change to the store
 * @returns the exit code: 1 where the operator declined
 * @throws UsageError where confirmation is required and there is no terminal
 */
export async function change(
  store: PolicyStore,
  options: ChangeOptions,
  next: (current: LiveState) => LiveState,
  commit: (note: ChangeInfo & { base: number }) => Promise<AppliedChange>,
): Promise<number> {
  const state = await store.read()
  const { version, change: live, broken, last } = state
  const style = styleFor(process.stderr)
  const current = live ?? last ?? { switches: {} }
  const proposed = next(current)
  const changes = differences(displayed(current), displayed(proposed))
  const isRepair = live === undefined && (broken !== undefined || last !== undefined)
  if (changes.length === 0 && !isRepair)
    return report(options, { version, changed: false, changes }, 'Nothing would change.')
  if (isRepair) printStyledNote(stateLines(state, style))
  const lines = diffLines(effectiveChanges(current, proposed, changes), style)
  if (!options.json || !options.yes) printStyledNote(lines.join('\n'))
  for (const problem of await unpricedChoices(effectivePolicy(proposed)))
    printStyledNote(style('yellow', `Beware: ${printable(problem)}`))
  if (options['dry-run'])
    return report(options, { version, changed: false, changes }, 'Nothing was changed: this was a dry run.')
  if (!options.yes && !(await confirm('Put this in force for all agents at this Redis?', CONFIRM_FIX)))
    return printFailure('Nothing was changed.')
  const { comment } = options
  const made = await commit({
    by: operatorName(options.by),
    base: version,
    ...(comment === undefined ? {} : { comment }),
  })
  const result = { version: made.version, changed: true, notified: made.notified, changes }
  return report(options, result, summaryOf(made))
}

/** Returns the policy that processes would use: the live or fallback policy with the switches applied. */
const effectivePolicy = (state: LiveState): Policy =>
  applySwitches({ version: 0, policy: policyInForce(state), switches: state.switches })

/** Returns what changes for processes. The first live policy is compared with the one they used before. */
function effectiveChanges(current: LiveState, proposed: LiveState, changes: Difference[]): Difference[] {
  if (current.policy !== undefined || proposed.policy === undefined) return changes
  printNote(`No policy was live before. Compared with ${fallbackPolicyName()}:`)
  return differences(displayed({ ...current, policy: policyInForce(current) }), displayed(proposed))
}

function summaryOf({ version, notified }: AppliedChange): string {
  const processes = notified === 1 ? 'one process' : `${notified} processes`
  return `Version ${version} is in force. ${notified === 0 ? 'No process was listening: running ones check once a minute.' : `Notified ${processes}.`}`
}

function report({ json }: ChangeOptions, result: object, text: string): number {
  return json ? printJson(result) : printNote(text)
}
