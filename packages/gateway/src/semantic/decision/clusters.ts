import { hash } from 'node:crypto'
import { saidIn } from '../judge/judge.ts'
import type { Entry, Neighbour } from '../store/port.ts'

/** Nine bytes in Redis. */
const GROUP_CHARS = 12
/** An entry has at most so many. */
const MAX_GROUPS = 16
/** Claims upon claims that are followed. */
const MAX_STEPS = 3

/** The name of a group that nobody else is in: the same for answers of the same words. */
export const nameOf = (said: string) => hash('sha256', prepared(said), 'base64url').slice(0, GROUP_CHARS)

/** Whether an entry's answer has the very words. */
export function sameAs({ answer }: Entry, said: string): boolean {
  return prepared(saidIn(answer.text)) === prepared(said)
}

/** How an answer is broken into lines does not change what it says. */
const prepared = (said: string) => said.normalize('NFC').replace(/\s+/g, ' ').trim()

/**
 * Which of several entries say the same, as a number for each.
 *
 * The first group of an entry is its home. The others are homes of entries that stood alone and were found to say the
 * same: it claims them for its own home. Claims of different homes cancel out, and nothing ever unites two homes: a judge
 * who errs puts one entry where it does not belong, and not all that ever was said of one thing with all of another.
 */
export function clusterAnswers(members: readonly { groups: readonly string[] }[]): number[] {
  const claims = new Map<string, Set<string>>()
  for (const { groups } of members) {
    const [home = '', ...claimed] = groups
    for (const name of claimed) claims.set(name, (claims.get(name) ?? new Set()).add(home))
  }
  const homeOf = (name: string): string => {
    let home = name
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const [by, ...others] = claims.get(home) ?? []
      if (by === undefined || others.length > 0) break
      home = by
    }
    return home
  }
  const first = new Map<string, number>()
  return members.map(({ groups }, at) => {
    // Who has no group is alone.
    const home = groups[0] === undefined ? `alone ${at}` : homeOf(groups[0])
    const family = first.get(home) ?? at
    first.set(home, family)
    return family
  })
}

/** The groups of an answer that says the same as some of its neighbours; none, where it says the same as nobody. */
export function joining(neighbours: readonly Neighbour[], alike: readonly Neighbour[]): string[] {
  const families = clusterAnswers(neighbours.map(({ entry }) => entry))
  const sizeOf = (family: number | undefined) => families.filter((other) => other === family).length
  const familyOf = (near: Neighbour) => families[neighbours.indexOf(near)] ?? -1
  // The largest is the likeliest to be joined by others, too; of two the nearer.
  const home = alike.map(familyOf).reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a), -1)
  const claimed = alike.filter((near) => familyOf(near) !== home && sizeOf(familyOf(near)) === 1)
  const names = [neighbours[home], ...claimed].flatMap((near) => near?.entry.groups.slice(0, 1) ?? [])
  return [...new Set(names)].slice(0, MAX_GROUPS)
}
