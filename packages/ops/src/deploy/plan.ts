import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { UsageError } from '../core/command.ts'
import { ANSWERS_FILE, type Answers, readAnswers } from '../deployment/answers.ts'
import { missingParts } from './missing.ts'
import { type PlannedStep, sectionIn, stepsIn } from './steps.ts'

/** Prints the steps of the folder's runbook. Returns 1 where something is missing in the folder. */
export async function plan({
  dir,
  commands: onlyCommands,
  json,
}: {
  dir: string
  commands: boolean
  json: boolean
}): Promise<number> {
  const answers = readAnswers(dir)
  if (answers === undefined)
    throw new UsageError(
      `There is no ${ANSWERS_FILE} in ${dir}: run llm-gateway init first, or say --dir FOLDER.`,
    )
  const steps = stepsOf(dir, answers)
  const missing = missingParts(dir, answers)
  const exitCode = missing.length === 0 ? 0 : 1
  if (json) {
    printJson({ folder: dir, profile: answers.profile, steps, missing })
    return exitCode
  }
  if (onlyCommands) {
    for (const { commands } of steps)
      for (const { command, byHand } of commands) if (!byHand) printLine(command)
  } else print(steps, dir, answers)
  for (const { what, fix } of missing) printNote(`Missing: ${what}. ${fix}`)
  return exitCode
}

/** The runbook's steps, with those of the profile in place of step "Langfuse". */
function stepsOf(dir: string, { profile }: Answers): PlannedStep[] {
  const steps = stepsIn(read(dir, 'runbooks/deploy.md'))
  if (steps.length === 0)
    throw new UsageError(
      `${join(dir, 'runbooks/deploy.md')} has no numbered steps. Restore it: llm-gateway init --dir ${dir}`,
    )
  if (profile === 'thin') return steps
  const current = sectionIn(read(dir, 'runbooks/langfuse-profiles.md'), 'Current, step by step')
  if (current === undefined)
    throw new UsageError(
      `${join(dir, 'runbooks/langfuse-profiles.md')} has no section "Current, step by step". Restore it: llm-gateway init --dir ${dir}`,
    )
  // In the profile's section all commands are to be run.
  const own = {
    ...current,
    title: 'Langfuse',
    commands: current.commands.map((one) => ({ ...one, byHand: false })),
  }
  return steps.map((step) => (step.title === 'Langfuse' ? own : step))
}

function read(dir: string, path: string): string {
  const file = join(dir, path)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  throw new UsageError(`${file} is missing. Restore it: llm-gateway init --dir ${dir}`)
}

function print(steps: PlannedStep[], dir: string, answers: Answers): void {
  const style = styleFor(process.stdout)
  printLine(
    `Deployment of ${answers.gatewayApp} (${answers.gatewayHost}) and ${answers.langfuseApp}, profile ${answers.profile}, region ${answers.region}. Run the commands in ${dir}; nothing was run.`,
  )
  for (const [at, { title, purpose, commands }] of steps.entries()) {
    printLine('')
    printLine(style('bold', `${at + 1}. ${title}`))
    if (purpose !== '') printLine(style('dim', `   ${purpose}`))
    for (const { command, byHand } of commands) printLine(`   ${byHand ? '(by hand) ' : ''}${command}`)
  }
}
