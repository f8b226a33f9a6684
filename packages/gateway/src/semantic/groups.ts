import { hash } from 'node:crypto'
import { saidIn } from './judge/judge.ts'
import type { Entry, Neighbour } from './store/port.ts'

/** Entries of one group have answers that say the same. Its name, as long as there is nobody to join. */
export const nameOf = (said: string) => hash('sha256', prepared(said), 'base64url').slice(0, GROUP_CHARS)

/** Nine bytes in Redis. */
export const GROUP_CHARS = 12

/** Whether an entry's answer has the very words. */
export function sameAs({ answer }: Entry, said: string): boolean {
  return prepared(saidIn(answer.text)) === prepared(said)
}

/** How an answer is broken into lines does not change what it says. */
const prepared = (said: string) => said.normalize('NFC').replace(/\s+/g, ' ').trim()

/**
 * Which of several entries say the same, as a number for each. Two that were never compared belong together where a third
 * one was found to say the same as either: such a bridge lies between them, and so among the neighbours of a question.
 */
export function familiesOf(members: readonly { groups: readonly string[] }[]): number[] {
  const families = members.map((_, at) => at)
  const family = (at: number): number => {
    const parent = families[at] ?? at
    return parent === at ? at : family(parent)
  }
  const firstOf = new Map<string, number>()
  for (const [at, { groups }] of members.entries())
    for (const name of groups) {
      const first = firstOf.get(name)
      if (first === undefined) firstOf.set(name, at)
      else families[family(at)] = family(first)
    }
  return families.map((_, at) => family(at))
}

/** At most so many groups has an entry. */
const MAX_GROUPS = 16

/** The groups of an answer that says the same as some of its neighbours: one of each family, so that it joins them. */
export function joining(neighbours: readonly Neighbour[], alike: readonly Neighbour[]): string[] {
  const families = familiesOf(neighbours.map(({ entry }) => entry))
  const chosen = new Set(alike.map((near) => families[neighbours.indexOf(near)]))
  const joined = neighbours.flatMap(({ entry }, at) => (chosen.has(families[at]) ? entry.groups : []))
  // Everybody chooses the same of many, so that they become fewer.
  joined.sort()
  return [...new Set(joined)].slice(0, MAX_GROUPS)
}
