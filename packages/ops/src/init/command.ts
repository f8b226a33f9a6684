import { mkdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createTwoFilesPatch } from 'diff'
import { counted } from '../cli/format.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { refuseSurplus } from '../cli/subcommand.ts'
import { type Answers, readAnswers } from '../deployment/answers.ts'
import { completeAnswers } from './answer.ts'
import { planSteps, type Step, takeSteps } from './merge.ts'
import { QUESTIONS } from './questions.ts'
import { type Package, renderFiles } from './render.ts'

export const summary = 'writes a folder from which the gateway and Langfuse are deployed, and updates it'

export const help = `llm-gateway init: ${summary}.

Usage: llm-gateway init [--dir FOLDER] [--yes] [options]

Asks what no file can know, and writes fly.toml files, the policy, SQL and runbooks with your names. Run it again after
an upgrade: it shows the difference, updates what no person has changed, keeps what a person has changed, and writes a file
that both have changed beside it, as *.new.

  --dir FOLDER     where to write                          (the current one)
  --yes, -y        asks nothing: what no option says is as before, or as in the shipped example
  --dry-run        shows the difference, and writes nothing
  --json           prints what was done with each file as JSON

${QUESTIONS.map(({ option, text, hint }) => `  --${option.padEnd(18)} ${text} (${hint})`).join('\n')}

Examples:
  llm-gateway init --dir deploy
  llm-gateway init --dir deploy --yes --supabase-ref abcdefghijklmnopqrst --admin-email admin@example.com
  llm-gateway init --dir deploy --dry-run
  llm-gateway init --dir deploy --yes --profile current

Exit codes: 0 done, 1 some files are in conflict, 2 usage error. Next: runbooks/deploy.md in that folder.`

const OPTIONS = {
  dir: { type: 'string', default: '.' },
  yes: { type: 'boolean', short: 'y', default: false },
  'dry-run': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

export async function run(argv: string[]): Promise<number> {
  const asked = Object.fromEntries(QUESTIONS.map(({ option }) => [option, { type: 'string' } as const]))
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { ...asked, ...OPTIONS },
  })
  refuseSurplus(positionals[0], 'The folder is --dir.')
  const dir = values.dir as string
  const given = QUESTIONS.flatMap(({ answer, option }) => {
    const value = (values as Record<string, unknown>)[option]
    return typeof value === 'string' ? [[answer, value] as const] : []
  })
  const known: Partial<Answers> = { ...readAnswers(dir), ...Object.fromEntries(given) }
  const isDryRun = values['dry-run'] === true
  const isAsking = values.yes !== true && !isDryRun && process.stdin.isTTY === true
  const answers = await completeAnswers(known, isAsking)
  const own = ownPackage()
  const steps = planSteps(dir, renderFiles(answers, own))
  if (!isDryRun) {
    mkdirSync(dir, { recursive: true })
    takeSteps(dir, steps, own.version)
  }
  const exitCode = steps.some(({ action }) => action === 'conflict') ? 1 : 0
  if (values.json === true) printJson(steps.map(({ path, action }) => ({ path, action })))
  else report(steps, dir, isDryRun)
  return exitCode
}

function report(steps: Step[], dir: string, isDryRun: boolean): void {
  const style = styleFor(process.stdout)
  for (const { path, action, before, after } of steps) {
    if (action === 'same') continue
    printLine(
      `${style(action === 'conflict' ? 'red' : 'bold', action.padEnd(9))} ${path}${NOTES[action] ?? ''}`,
    )
    if (action === 'update' || action === 'conflict') printLine(patchOf(path, before, after))
  }
  const changed = steps.filter(
    ({ action }) => action !== 'same' && action !== 'kept' && action !== 'left-out',
  )
  if (changed.length === 0) printNote('All files are as they should be.')
  else if (isDryRun) printNote(`Nothing was written: ${counted(changed.length, 'file')} would be.`)
  else printNote(`Next: ${dir}/runbooks/deploy.md`)
}

const NOTES: Partial<Record<Step['action'], string>> = {
  kept: ': yours stays',
  'left-out': ': you have deleted it',
  conflict: ': yours stays, and the shipped one is beside it as .new',
}

/** Returns the difference as a unified diff, without its two first lines. */
const patchOf = (path: string, before: string, after: string) =>
  createTwoFilesPatch(path, path, before, after, 'yours', 'shipped', { context: 2 })
    .split('\n')
    .slice(1)
    .join('\n')
    .trimEnd()

/** Returns version and repository of this package. */
const ownPackage = (): Package =>
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Package
