import type { ReadStream, WriteStream } from 'node:tty'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
const CLEAR_ALL = '\u001b[2J'

export type Screen = {
  /** Draws lines from the top; what was below is cleared. */
  draw: (lines: string[]) => void
  /** Restores the terminal as it was. May be called twice. */
  close: () => void
}

/** Takes over a terminal: alternate screen, no cursor, no line wrap, keys as they are typed. */
export function openScreen(
  input: ReadStream,
  output: WriteStream,
  on: { key: (key: string) => void; resize: () => void },
): Screen {
  let isOpen = true
  const onData = (data: Buffer) => {
    for (const key of data.toString()) on.key(key)
  }
  output.write(ENTER)
  if (input.isTTY) {
    input.setRawMode(true)
    input.on('data', onData)
    input.resume()
  }
  const onResize = () => {
    // A terminal that became wider shows what was cut off before.
    output.write(CLEAR_ALL)
    on.resize()
  }
  output.on('resize', onResize)
  return {
    draw(lines) {
      if (!isOpen) return
      // Cleared before it is written: after a full line, the cursor stands on its last character.
      const text = lines.map((line) => `${CLEAR_LINE}${line}`).join('\r\n')
      output.write(`${HOME}${text}${lines.length < output.rows ? `\r\n${CLEAR_BELOW}` : ''}`)
    },
    close() {
      if (!isOpen) return
      isOpen = false
      output.off('resize', onResize)
      if (input.isTTY) {
        input.off('data', onData)
        input.setRawMode(false)
        input.pause()
      }
      output.write(LEAVE)
    },
  }
}
