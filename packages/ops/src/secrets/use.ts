import { spawn } from 'node:child_process'
import { printFailure, printJson } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'
import type { Context } from './options.ts'
import { variablesOf } from './variables.ts'
import { readVault } from './vault.ts'

/**
 * Prints an app's variables as `NAME=VALUE` lines, which `fly secrets import` reads from a pipe.
 *
 * @throws UsageError where standard output is a terminal, and `--reveal` was not said
 */
export function exportVariables(context: Context): number {
  const { values } = context
  if (process.stdout.isTTY && !values.reveal)
    throw new UsageError(
      'This would print secrets at a terminal. Pipe it into fly secrets import, or say --reveal.',
    )
  const variables = appVariables(context)
  if (values.json) return printJson(variables)
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
  process.stdout.write(lines.join(''))
  return 0
}

/** Runs a command with an app's variables beside those of this process. Returns its exit code. */
export async function runWithSecrets(context: Context, [program, ...args]: string[]): Promise<number> {
  if (program === undefined)
    throw new UsageError('Run what? Write the command after --, such as: -- llm-gateway doctor')
  const env = { ...process.env, ...appVariables(context) }
  const child = spawn(program, args, { stdio: 'inherit', env })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  // SIGINT of a terminal reaches the child by itself.
  process.on('SIGTERM', forward)
  process.on('SIGINT', () => undefined)
  return await new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve(printFailure(`There is no program "${program}".`)) : reject(error),
    )
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)))
  })
}

/** @throws UsageError where `--app` is missing, secrets are missing, or a value would break its line */
function appVariables({ values, catalogue, vault, answers }: Context): Record<string, string> {
  if (values.app === undefined) throw new UsageError('--app APP is missing.')
  const variables = variablesOf(values.app, catalogue, readVault(vault), answers)
  const broken = Object.entries(variables).filter(([, value]) => /[\n\r]/.test(value))
  if (broken.length > 0)
    throw new UsageError(`${broken.map(([name]) => name).join(', ')}: the value has several lines.`)
  return variables
}
