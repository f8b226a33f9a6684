import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { BIN, programEnv } from '../command.ts'

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

/**
 * Runs a program, then tells its exit code in the title of the terminal, and stays: a pseudo-terminal whose last program ends
 * is closed 200 ms later, with what nothing has read until then.
 */
const STAYING = `trap : HUP INT TERM; "$@"; printf '\\033]2;ended %d\\007' "$?"; read -r _`

/** Runs `llm-gateway` in a real pseudo-terminal, whose output a terminal emulator interprets. */
export function openTerminal(
  args: string[],
  env: Record<string, string>,
  columns: number,
  rows: number,
): TestTerminal {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const child = spawn('/bin/sh', ['-c', STAYING, 'sh', process.execPath, BIN, ...args], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    env: programEnv({ TERM: 'xterm-256color', ...env }),
  })
  let output = ''
  child.onData((data) => {
    output += data
    emulator.write(data)
  })
  const ended = new Promise<number>((resolve) => {
    emulator.onTitleChange((title) => {
      if (title.startsWith('ended ')) resolve(Number(title.slice('ended '.length)))
    })
  })
  /** Signals the program, and the shell that waits for it. */
  const signal = (name: NodeJS.Signals) => void process.kill(-child.pid, name)
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
    signal,
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
      signal('SIGKILL')
      emulator.dispose()
    },
  }
}
