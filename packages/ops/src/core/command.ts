/** A command of `llm-gateway`: the exports of `<command>/command.ts`. */
export type Command = {
  /** One line for the list of commands. */
  summary: string
  /** Text that `llm-gateway <command> --help` prints. */
  help: string
  /**
   * Runs the command.
   *
   * @param argv arguments after the command's name
   * @returns the exit code: 0 done, 1 failed, 2 usage error
   */
  run: (argv: string[]) => Promise<number>
}

/** Reports a mistake in the arguments or the environment. `main` prints its message without a stack and exits with 2. */
export class UsageError extends Error {
  override name = 'UsageError' as const
}
