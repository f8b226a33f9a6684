import type { ReadStream, WriteStream } from 'node:tty'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

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
  output.on('resize', on.resize)
  return {
    draw(lines) {
      if (!isOpen) return
      output.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`)
    },
    close() {
      if (!isOpen) return
      isOpen = false
      output.off('resize', on.resize)
      if (input.isTTY) {
        input.off('data', onData)
        input.setRawMode(false)
        input.pause()
      }
      output.write(LEAVE)
    },
  }
}
