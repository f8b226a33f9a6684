import { encodePng } from './png.ts'

const BAR = 8
const GAP = 2
const HEIGHT = 140
const COLOURS = [
  [255, 255, 255],
  [148, 163, 184],
  [200, 30, 30],
  [30, 41, 59],
] as const
const [BACKGROUND, NORMAL, ABOVE, LINE] = [0, 1, 2, 3]

/**
 * Draws one bar for each minute of the last hour, red where it is above the threshold, which is a dashed line. Its scale
 * reaches a tenth above the highest value.
 *
 * @param threshold absent: no line, and no bar is red
 */
export function drawChart(values: readonly number[], threshold: number | undefined): Buffer {
  const width = values.length * (BAR + GAP)
  const pixels = new Uint8Array(width * HEIGHT).fill(BACKGROUND)
  const top = Math.max(...values, threshold ?? 0) * 1.1 || 1
  const rowOf = (value: number) => HEIGHT - 1 - Math.round((value / top) * (HEIGHT - 2))
  for (const [at, value] of values.entries()) {
    const colour = threshold !== undefined && value > threshold ? ABOVE : NORMAL
    // A minute without a value still shows its place on the axis.
    for (let row = rowOf(Math.max(0, value)); row < HEIGHT; row += 1) {
      const from = row * width + at * (BAR + GAP)
      pixels.fill(colour, from, from + BAR)
    }
  }
  if (threshold !== undefined)
    for (let column = 0; column < width; column += 1)
      if (column % 8 < 5) pixels[rowOf(threshold) * width + column] = LINE
  return encodePng(width, HEIGHT, pixels, COLOURS)
}
