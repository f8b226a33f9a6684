import { hash } from '../../util/runtime.ts'
import { answerText } from '../judge/prompt.ts'
import type { Candidate, Entry } from '../store/port.ts'

/** Base64url characters; 9 bytes in Redis. */
const GROUP_CHARS = 12
/** Most groups of one entry. */
const MAX_GROUPS = 16
/** Links followed from a group to its root. */
const MAX_STEPS = 3

/** Returns the group name of an answer by itself: a hash of its text. */
export const groupName = (said: string) => hash('sha256', normalised(said), 'base64url').slice(0, GROUP_CHARS)

/** Tells whether an entry's answer has the same text. */
export function hasSameText({ answer }: Entry, said: string): boolean {
  return normalised(answerText(answer.text)) === normalised(said)
}

/** Line breaks and spaces do not change what an answer says. */
const normalised = (said: string) => said.normalize('NFC').replace(/\s+/g, ' ').trim()

/**
 * Clusters entries by equal answers. Returns a cluster number for each entry.
 *
 * An entry's first group is its root. Its other groups are roots of single entries that were judged equal: the entry
 * links them to its own root. Links to different roots cancel out, and two roots are never united: a wrong judgement
 * misplaces one entry, and never merges two whole clusters.
 */
export function clusterAnswers(members: readonly { groups: readonly string[] }[]): number[] {
  const links = new Map<string, Set<string>>()
  for (const { groups } of members) {
    const [root = '', ...linked] = groups
    for (const name of linked) links.set(name, (links.get(name) ?? new Set()).add(root))
  }
  const rootOf = (name: string): string => {
    let root = name
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const [by, ...others] = links.get(root) ?? []
      if (by === undefined || others.length > 0) break
      root = by
    }
    return root
  }
  const first = new Map<string, number>()
  return members.map(({ groups }, at) => {
    // An entry without groups is a cluster by itself.
    const root = groups[0] === undefined ? `alone ${at}` : rootOf(groups[0])
    const cluster = first.get(root) ?? at
    first.set(root, cluster)
    return cluster
  })
}

/** Returns the groups of a new answer that equals some neighbours; empty if it equals none. */
export function groupsToJoin(neighbours: readonly Candidate[], alike: readonly Candidate[]): string[] {
  const clusters = clusterAnswers(neighbours.map(({ entry }) => entry))
  const sizeOf = (cluster: number | undefined) => clusters.filter((other) => other === cluster).length
  const clusterOf = (near: Candidate) => clusters[neighbours.indexOf(near)] ?? -1
  // The largest cluster is preferred, as the likeliest to be joined again; among equals the nearest.
  const root = alike.map(clusterOf).reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a), -1)
  const linked = alike.filter((near) => clusterOf(near) !== root && sizeOf(clusterOf(near)) === 1)
  const names = [neighbours[root], ...linked].flatMap((near) => near?.entry.groups.slice(0, 1) ?? [])
  return [...new Set(names)].slice(0, MAX_GROUPS)
}
