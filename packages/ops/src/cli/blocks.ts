const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** Draws a bar of block characters, padded to `width`. A value above 0 shows at least an eighth. */
export function bar(value: number, most: number, width: number): string {
  const ratio = value / most
  const share = ratio > 0 && most > 0 ? Math.min(1, ratio) : 0
  const eighths = Math.max(Math.round(share * width * 8), value > 0 ? 1 : 0)
  return `${'█'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8]}`.padEnd(width)
}

/** Draws one character for each value, from 0 to the largest. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values)
  return values
    .map((value) => (value > 0 && most > 0 ? LEVELS[Math.min(7, Math.floor((value / most) * 7.999))] : '▁'))
    .join('')
}

/** Cuts a text to `width` columns, with an ellipsis. */
export function clip(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

/** Breaks a text into lines of at most `width` columns; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if ([...longer].length <= width) line = longer
    else {
      if (line !== '') lines.push(line)
      line = clip(word, width)
    }
  }
  return line === '' ? lines : [...lines, line]
}
