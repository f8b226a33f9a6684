import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { printFailure, printJson } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'
import { readFlyApp } from './fly-app.ts'
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

/** Apps whose addresses the operator's own commands need. */
const ADDRESSES_OF: Record<string, string> = { gateway: 'gateway', operator: 'gateway', litellm: 'litellm' }

/**
 * Runs a command with an app's secrets beside the variables of this process, and with the addresses of its fly.toml, which
 * a variable of this process replaces. Returns its exit code: 128 and the number of the signal that ended it.
 */
export async function runWithSecrets(context: Context, [program, ...args]: string[]): Promise<number> {
  if (program === undefined)
    throw new UsageError('Run what? Write the command after --, such as: -- llm-gateway doctor')
  const { app = '', dir } = context.values
  const place = Object.hasOwn(ADDRESSES_OF, app) ? ADDRESSES_OF[app] : undefined
  const addresses = place === undefined ? {} : readFlyApp(dir, place)?.addresses
  const env = { ...addresses, ...process.env, ...appVariables(context) }
  const child = spawn(program, args, { stdio: 'inherit', env })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  // SIGINT of a terminal reaches the child by itself.
  process.on('SIGTERM', forward)
  process.on('SIGINT', () => undefined)
  return await new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve(printFailure(`There is no program "${program}".`)) : reject(error),
    )
    child.on('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0)))
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
