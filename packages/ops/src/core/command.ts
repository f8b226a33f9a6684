/** What a file in `commands/` exports. */
export type Command = {
  /** One line, for the list of commands. */
  summary: string
  /** What `llm-gateway <command> --help` prints. */
  help: string
  /** Resolves with the exit code, once all is done. */
  run: (argv: string[]) => Promise<number>
}

/** A mistake in what was typed: its message is printed without a stack, and the exit code is 2. */
export class UsageError extends Error {
  override name = 'UsageError' as const
}
