import { UsageError } from '../core/command.ts'

/**
 * Tells whether questions and answers may be shown. They are text of customers: they are shown to a person at a terminal, on
 * request, and enter no file and no pipe.
 *
 * @throws UsageError where `--reveal` was said and standard output is no terminal
 */
export function mayReveal(reveal: boolean): boolean {
  if (reveal && !process.stdout.isTTY)
    throw new UsageError(
      '--reveal shows text of customers, and only at a terminal: standard output is a pipe or a file.',
    )
  return reveal
}
