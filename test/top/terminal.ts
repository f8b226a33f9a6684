import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { BIN } from '../command.ts'

export type TestTerminal = {
  /** The lines that a person sees, without spaces at their ends. */
  screen: () => Promise<string[]>
  /** Everything that the program wrote. */
  output: () => string
  type: (keys: string) => void
  resize: (columns: number, rows: number) => void
  signal: (name: NodeJS.Signals) => void
  /** Resolves the exit code. */
  ended: Promise<number>
  /** Whether the alternate screen is shown, and the cursor hidden. */
  modes: () => Promise<{ isAlternate: boolean; isCursorHidden: boolean }>
  close: () => void
}

/** Runs `llm-gateway` in a real pseudo-terminal, whose output a terminal emulator interprets. */
export function openTerminal(
  args: string[],
  env: Record<string, string>,
  columns: number,
  rows: number,
): TestTerminal {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const child = spawn(process.execPath, [BIN, ...args], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', ...env },
  })
  let output = ''
  child.onData((data) => {
    output += data
    emulator.write(data)
  })
  const ended = new Promise<number>((resolve) => child.onExit(({ exitCode }) => resolve(exitCode)))
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  /** Resolves once everything that was written is interpreted. */
  const settled = () => new Promise<void>((resolve) => emulator.write('', resolve))
  return {
    async screen() {
      await settled()
      const { active } = emulator.buffer
      return Array.from({ length: emulator.rows }, (_, row) =>
        (active.getLine(active.viewportY + row)?.translateToString(false, 0, emulator.cols) ?? '').trimEnd(),
      )
    },
    output: () => output,
    type: (keys) => child.write(keys),
    resize(newColumns, newRows) {
      emulator.resize(newColumns, newRows)
      child.resize(newColumns, newRows)
    },
    signal: (name) => child.kill(name),
    ended,
    async modes() {
      await settled()
      const last = (on: string, off: string) => output.lastIndexOf(on) > output.lastIndexOf(off)
      return {
        isAlternate: emulator.buffer.active.type === 'alternate',
        isCursorHidden: last('\u001b[?25l', '\u001b[?25h'),
      }
    },
    close() {
      if (!hasEnded) child.kill('SIGKILL')
      emulator.dispose()
    },
  }
}
