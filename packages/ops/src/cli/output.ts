import { printable } from './format.ts'

/** Writes a line to standard output. Returns exit code 0. */
export function printLine(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

/** Writes a value as one line of JSON to standard output. Returns exit code 0. */
export const printJson = (value: unknown): number => printLine(JSON.stringify(value))

/**
 * Writes lines to standard error. Returns `exitCode`. They may quote arguments, files and answers of servers, so what would
 * command a terminal becomes `?`.
 */
export const printNote = (text: string, exitCode = 0): number =>
  printStyledNote(text.split('\n').map(printable).join('\n'), exitCode)

/** Writes lines with colours to standard error. Returns `exitCode`. What others chose in them must be printable. */
export function printStyledNote(text: string, exitCode = 0): number {
  process.stderr.write(`${text}\n`)
  return exitCode
}

/** Writes a line to standard error. Returns exit code 1. */
export const printFailure = (text: string): number => printNote(text, 1)
