import { readdirSync, readFileSync } from 'node:fs'

/**
 * Megabytes that a process and all its descendants hold, what they share counted once. Linux tells; elsewhere
 * `undefined`.
 */
export function memoryOf(pid: number): number | undefined {
  try {
    const parents = new Map<number, number>()
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : undefined
      // The name of a program may hold anything, but ends with the last bracket.
      const parent = stat?.slice(stat.lastIndexOf(')')).split(' ')[2]
      if (parent !== undefined) parents.set(Number(name), Number(parent))
    }
    const family = new Set([pid])
    for (let grown = true; grown; ) {
      grown = false
      for (const [child, parent] of parents)
        if (family.has(parent) && !family.has(child)) {
          family.add(child)
          grown = true
        }
    }
    let kilobytes = 0
    for (const each of family)
      kilobytes += Number(/^Pss: +(\d+) kB/m.exec(read(`/proc/${each}/smaps_rollup`) ?? '')?.[1] ?? 0)
    return kilobytes === 0 ? undefined : kilobytes / 1024
  } catch {
    return undefined
  }
}

/** Processes end while they are looked at. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
