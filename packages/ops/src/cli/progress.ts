import { printable } from './format.ts'

/** Milliseconds between two lines: at a terminal, where one line is rewritten, and elsewhere. */
const EVERY_MS = { terminal: 200, pipe: 10_000 }

/** Shows progress on standard error: one line that is rewritten at a terminal, else a line now and then. */
export function createProgress(line: () => string) {
  const text = () => printable(line())
  const { stderr } = process
  const isTerminal = stderr.isTTY === true
  let shownAt = isTerminal ? Number.NEGATIVE_INFINITY : performance.now()
  let isOpen = false
  return {
    tick(): void {
      const now = performance.now()
      if (now - shownAt < (isTerminal ? EVERY_MS.terminal : EVERY_MS.pipe)) return
      shownAt = now
      stderr.write(isTerminal ? `\r\u001b[2K${text().slice(0, stderr.columns - 1)}` : `${text()}\n`)
      isOpen = isTerminal
    },
    /** Clears the line. */
    end(): void {
      if (isOpen) stderr.write('\r\u001b[2K')
      isOpen = false
    },
  }
}
