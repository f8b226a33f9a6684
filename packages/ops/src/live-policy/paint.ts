import type { WriteStream } from 'node:tty'

const CODES = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const
export type Paint = (colour: keyof typeof CODES, text: string) => string

/** Colours for a terminal that wants them: https://no-color.org */
export function painter(stream: Pick<WriteStream, 'isTTY'>, env: NodeJS.ProcessEnv = process.env): Paint {
  const wanted = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  return (colour, text) => (wanted ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text)
}
