import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'

export type Style = (format: 'red' | 'green' | 'yellow' | 'bold' | 'dim', text: string) => string

/**
 * Returns a function that styles text for one stream. It leaves text unstyled where the stream is no terminal or has no
 * colours, e.g. under NO_COLOR (https://no-color.org) or `TERM=dumb`.
 *
 * Checks the stream itself, since `styleText` does so only from Node 22.8 on.
 */
export function styleFor(stream: WriteStream): Style {
  const hasColors = stream.isTTY === true && stream.hasColors()
  return (format, text) => (hasColors ? styleText(format, text, { stream }) : text)
}
