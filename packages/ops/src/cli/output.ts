/** Writes a line to standard output. Returns exit code 0. */
export function printLine(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

/** Writes a value as one line of JSON to standard output. Returns exit code 0. */
export const printJson = (value: unknown): number => printLine(JSON.stringify(value))

/** Writes a line to standard error. Returns `exitCode`. */
export function printNote(text: string, exitCode = 0): number {
  process.stderr.write(`${text}\n`)
  return exitCode
}

/** Writes a line to standard error. Returns exit code 1. */
export const printFailure = (text: string): number => printNote(text, 1)
