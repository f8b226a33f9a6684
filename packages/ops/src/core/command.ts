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
   * @param commands all commands, for one that tells about others
   * @returns the exit code: 0 done, 1 failed, 2 usage error
   */
  run: (argv: string[], commands: CommandTable) => Promise<number>
}

/** Commands by name. Each is loaded when it is called. */
export type CommandTable = Record<string, () => Promise<Command>>

/** Reports a mistake in the arguments or the environment. `main` prints its message without a stack and exits with 2. */
export class UsageError extends Error {
  override name = 'UsageError' as const
}
