/** Three digits that say something. */
export const figure = (value: number): string =>
  value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)

/** Prints a row at once, as soon as it is known, under a head. */
export function columns(names: string[]): (what: string, cells: string[]) => void {
  const line = (what: string, cells: string[]) =>
    console.log(`${what.padEnd(36)}${cells.map((cell) => cell.padEnd(34)).join('')}`.trimEnd())
  line('', names)
  return line
}

export const signed = (value: number): string => `${value < 0 ? '' : '+'}${figure(value)}`
