export type Path = readonly PropertyKey[]

/**
 * Returns the line, from 1 on, that sets the value at a path of a TOML text; where it is not there, the line of the
 * nearest table around it. Reads headers and keys only: our files have no multi-line strings.
 */
export function lineOf(text: string, path: Path): number {
  let table: string[] = []
  const arrays = new Map<string, number>()
  let best = { line: 1, depth: 0 }
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    const header = /^(\[\[?)([^[\]]+)\]/.exec(line)
    if (header) {
      const names = keysOf(header[2] ?? '')
      table = withIndexes(names, arrays, header[1] === '[[')
      consider(table, at)
      continue
    }
    const key = /^("[^"]*"|[\w-]+)\s*=/.exec(line)?.[1]
    if (key !== undefined) consider([...table, ...keysOf(key)], at)
  }
  return best.line

  function consider(found: string[], at: number) {
    const isPrefix = found.every((name, depth) => String(path[depth]) === name)
    if (isPrefix && found.length > best.depth) best = { line: at + 1, depth: found.length }
  }
}

const keysOf = (dotted: string) => dotted.split('.').map((name) => name.trim().replace(/^"|"$/g, ''))

/** Adds the indexes of arrays of tables to a header, and counts a new element where the header begins one. */
function withIndexes(names: string[], arrays: Map<string, number>, isElement: boolean): string[] {
  const path: string[] = []
  for (const [at, name] of names.entries()) {
    path.push(name)
    const array = path.join('.')
    if (isElement && at === names.length - 1) arrays.set(array, (arrays.get(array) ?? -1) + 1)
    const index = arrays.get(array)
    if (index !== undefined) path.push(String(index))
  }
  return path
}
