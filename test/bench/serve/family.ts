import { readdirSync, readFileSync } from 'node:fs'

/** Of a program with all its processes, what Linux tells of it; elsewhere `undefined`. */
export type Usage = { megabytes: number; cpuMs: number }

/** What processes share is counted once. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const usage = { megabytes: 0, cpuMs: 0 }
    for (const [each, stat] of familyOf(pid)) {
      const [user = 0, system = 0] = stat.slice(11, 13).map(Number)
      usage.cpuMs += (user + system) * TICK_MS
      const smaps = read(`/proc/${each}/smaps_rollup`) ?? ''
      usage.megabytes += Number(/^Pss: +(\d+) kB/m.exec(smaps)?.[1] ?? 0) / 1024
    }
    return usage.megabytes === 0 ? undefined : usage
  } catch {
    return undefined
  }
}

/** USER_HZ is 100 wherever Node runs. */
const TICK_MS = 10

/** The process and its descendants, with what `stat` says of each, from its state on. */
function familyOf(pid: number): Map<number, string[]> {
  const stats = new Map<number, string[]>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : undefined
    // The name of a program may hold anything, but ends with the last bracket.
    if (stat !== undefined) stats.set(Number(name), stat.slice(stat.lastIndexOf(')') + 2).split(' '))
  }
  const family = new Map<number, string[]>()
  const add = (each: number) => {
    family.set(each, stats.get(each) ?? [])
    for (const [child, [, parent]] of stats) if (Number(parent) === each && !family.has(child)) add(child)
  }
  add(pid)
  return family
}

/** Processes end while they are looked at. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
