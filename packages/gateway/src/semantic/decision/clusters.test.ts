import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { Candidate } from '../store/port.ts'
import { clusterAnswers, groupName, groupsToJoin } from './clusters.ts'

const of = (...groups: string[]) => ({ groups })
const near = (...groups: string[]) => ({ entry: { groups }, similarity: 0.9 }) as unknown as Candidate

test('entries with one root are one cluster, and others are not', () => {
  expect(clusterAnswers([of('a'), of('b'), of('a'), of()])).toEqual([0, 1, 0, 3])
})

test('a single entry is linked by an entry with an equal answer', () => {
  expect(clusterAnswers([of('lone'), of('home'), of('home', 'lone')])).toEqual([0, 0, 0])
})

test('links to two roots cancel out', () => {
  expect(clusterAnswers([of('lone'), of('one', 'lone'), of('two', 'lone')])).toEqual([0, 1, 2])
})

test('an answer joins the largest equal cluster, and links only single entries', () => {
  const around = [near('small'), near('small'), near('large'), near('large'), near('large'), near('lone')]
  expect(groupsToJoin(around, [around[0], around[2], around[5]] as Candidate[])).toEqual(['large', 'lone'])
  expect(groupsToJoin(around, [])).toEqual([])
})

test('answers with equal text have one group name, whatever their line breaks', () => {
  expect(groupName('We ship\nto Norway. ')).toBe(groupName('We ship to Norway.'))
  expect(groupName('We ship to Norway.')).not.toBe(groupName('We ship to Sweden.'))
  expect(groupName('')).toMatch(/^[\w-]{12}$/)
})

test('for any entries, two with different, unlinked roots are never one cluster', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  fc.assert(
    fc.property(fc.array(fc.array(name, { maxLength: 4 }), { maxLength: 12 }), (all) => {
      const families = clusterAnswers(all.map((groups) => ({ groups })))
      const claimed = new Set(all.flatMap((groups) => groups.slice(1)))
      const free = all.flatMap(([home], at) =>
        home !== undefined && !claimed.has(home) ? [{ home, at }] : [],
      )
      for (const one of free)
        for (const other of free)
          expect(families[one.at] === families[other.at]).toBe(one.home === other.home)
    }),
    { numRuns: runs(100) },
  )
})
