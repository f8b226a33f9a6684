import { createInterface } from 'node:readline/promises'
import { UsageError } from '../core/command.ts'
import { styleFor } from './style.ts'

/**
 * Asks at the terminal, and tells whether the answer is yes.
 *
 * @param fix what to do where there is no terminal, e.g. `say --yes`
 * @throws UsageError where there is no terminal
 */
export async function confirm(question: string, fix: string): Promise<boolean> {
  const { stdin, stderr } = process
  if (!stdin.isTTY || !stderr.isTTY) throw new UsageError(`There is no terminal to ask at: ${fix}.`)
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await terminal.question(styleFor(stderr)('bold', `${question} [y/N] `))
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}
