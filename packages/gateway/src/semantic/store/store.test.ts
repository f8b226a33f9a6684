import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { CacheEntry } from '../../cache-entry/entry.ts'
import type { Partition } from '../query/partition.ts'
import type { Sealed } from './codec.ts'
import { createRefuted, refutedId } from './refuted.ts'
import { createSemanticStore, isRefuted } from './store.ts'

const RUNS = runs(60)
const DIMS = 16
const DAY_MS = 86_400_000
const usage = { input: 1, cachedInput: 0, audioInput: 0, output: 1, reasoning: 0, audioOutput: 0 }

const answer = (text: string): CacheEntry => ({
  text,
  usage: { usage, estimated: false },
  model: 'm',
  headers: [],
  answerId: undefined,
  untold: false,
  team: 't',
  agent: 'a',
  storedAt: Date.now(),
  freshUntil: Date.now() + DAY_MS,
  keptUntil: Date.now() + DAY_MS,
})
const sealed = (question: string, refuted: string[] = []): Sealed => ({
  question,
  vector: new Int8Array(DIMS),
  answer: answer(question),
  groups: [],
  refuted,
  exact: '',
  pinned: false,
  asker: '',
  checked: false,
})
const partition = (name: string): Partition => ({
  // 24 characters, as those of a digest.
  name: `gw:{t}:s:${name.padEnd(24, '-')}`,
  secret: Buffer.alloc(32, name),
})
const storeOf = (maxBytes = 1e7) =>
  createSemanticStore({
    shared: undefined,
    dims: DIMS,
    maxBytes,
    graph: undefined,
    onError: (error) => {
      throw error
    },
  })

const QUESTIONS = [
  'how do i return a pizza',
  'how do i cancel my order',
  'where is the menu',
  'is gluten free ok',
]
/** All are near each other: each search finds all entries. */
const vectorOf = (at: number) =>
  Float32Array.from({ length: DIMS }, (_, dim) => (dim === at % DIMS ? 0.1 : 1))
/** Spellings that people use for one question. */
const SPELLINGS: ((question: string) => string)[] = [
  (question) => question,
  (question) => question.toUpperCase(),
  (question) => `  ${question.replaceAll(' ', '   ')}?!`,
  (question) => question.replaceAll('o', 'ó'),
  (question) => question.replaceAll(' ', ' - ').normalize('NFD'),
]
const at = fc.nat({ max: QUESTIONS.length - 1 })
const spelling = fc.nat({ max: SPELLINGS.length - 1 })
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('add' as const), of: at, place: fc.nat({ max: 1 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('refute' as const),
      asked: at,
      of: at,
      place: fc.nat({ max: 1 }),
      spelling,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('remove' as const), of: at, place: fc.nat({ max: 1 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('ask' as const), asked: at, place: fc.nat({ max: 1 }), spelling }),
  },
)

test('for any order of answers, judgements and removals: exactly the pairs that were judged wrong are marked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const store = storeOf()
      const places = [partition('one'), partition('two')]
      const held = places.map(() => new Set<number>())
      const wrong = new Set<string>()
      const since = { ...store.snapshot(places[0] as Partition), isOver: () => false }
      const written = (question: number, how: number) => SPELLINGS[how]?.(QUESTIONS[question] ?? '') ?? ''
      const near = (place: number, asked: number, how: number) =>
        store.nearest(places[place] as Partition, vectorOf(asked), 10, written(asked, how))
      for (const each of steps) {
        const where = places[each.place] as Partition
        if (each.do === 'add') {
          const question = QUESTIONS[each.of] ?? ''
          const entry = { question, answer: answer(question), groups: [], exact: '' }
          expect(await store.add(where, vectorOf(each.of), entry, since)).toBe(true)
          held[each.place]?.add(each.of)
        } else if (each.do === 'remove') {
          const found = await near(each.place, each.of, 0)
          const entry = found.find(({ entry }) => entry.question === QUESTIONS[each.of])?.entry
          if (entry !== undefined) await store.admin.remove({ key: entry.id })
          held[each.place]?.delete(each.of)
        } else if (each.do === 'refute') {
          const found = await near(each.place, each.of, 0)
          const entries = found
            .map(({ entry }) => entry)
            .filter(({ question }) => question === QUESTIONS[each.of])
          await store.refute(where, written(each.asked, each.spelling), entries)
          if (entries.length > 0) wrong.add(`${each.place} ${each.asked} ${each.of}`)
        } else {
          const found = await near(each.place, each.asked, each.spelling)
          const expected = [...(held[each.place] ?? [])].map((of) => [
            QUESTIONS[of],
            wrong.has(`${each.place} ${each.asked} ${of}`),
          ])
          const seen = found.map(({ entry, refuted }) => [entry.question, refuted === true])
          expect(seen.sort()).toEqual(expected.sort())
        }
      }
      store.close()
    }),
    { numRuns: RUNS },
  )
})

test('a new answer to the same question stays refuted for the question that the old one was wrong for', async () => {
  const store = storeOf()
  const where = partition('one')
  const since = { ...store.snapshot(where), isOver: () => false }
  const add = (text: string) =>
    store.add(where, vectorOf(0), { question: 'a b', answer: answer(text), groups: [], exact: '' }, since)
  const refutedFor = async (question: string) =>
    (await store.nearest(where, vectorOf(0), 5, question)).map(({ refuted }) => refuted === true)
  await add('old')
  const [found] = await store.nearest(where, vectorOf(0), 5, 'c d')
  await store.refute(where, 'c d', found === undefined ? [] : [found.entry])
  expect(await refutedFor('C  D?')).toEqual([true])
  await add('new')
  expect([await refutedFor('C  D?'), await refutedFor('e f')]).toEqual([[true], [false]])
})

const judged = fc.oneof(
  fc.record({ do: fc.constant('add' as const), of: at, text: fc.constantFrom('A', 'B', 'C') }),
  fc.record({ do: fc.constant('look' as const) }),
  // The verdict on what was seen some looks ago.
  fc.record({ do: fc.constant('check' as const), look: fc.nat({ max: 5 }), of: at }),
)

test('for any order of answers and late verdicts: only an answer that was judged itself is checked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(judged, { minLength: 5, maxLength: 40 }), async (steps) => {
      const store = storeOf()
      const where = partition('one')
      const since = { ...store.snapshot(where), isOver: () => false }
      const look = async () => (await store.nearest(where, vectorOf(0), 10, '')).map(({ entry }) => entry)
      const looks: Awaited<ReturnType<typeof look>>[] = []
      const held = new Map<string, { text: string; checked: boolean }>()
      for (const each of steps) {
        const question = each.do === 'look' ? '' : (QUESTIONS[each.of] ?? '')
        if (each.do === 'add') {
          const entry = {
            question,
            answer: answer(each.text),
            groups: [],
            exact: '',
            unchecked: true as const,
          }
          expect(await store.add(where, vectorOf(each.of), entry, since)).toBe(true)
          held.set(question, { text: each.text, checked: false })
        } else if (each.do === 'look') looks.push(await look())
        else {
          const seen = looks.at(-1 - each.look)?.filter((entry) => entry.question === question) ?? []
          await store.check(where, seen)
          const now = held.get(question)
          if (now !== undefined && seen[0]?.answer.text === now.text) now.checked = true
        }
      }
      const found = (await look()).map((entry) => [entry.question, entry.answer.text, !entry.unchecked])
      const expected = [...held].map(([question, { text, checked }]) => [question, text, checked])
      expect(found.sort()).toEqual(expected.sort())
      store.close()
    }),
    { numRuns: RUNS },
  )
})

test('an entry is refuted for a question by its own note, or by the name of its question, and by nothing else', () => {
  const names = fc.subarray(['q one', 'q two', 'q three'])
  fc.assert(
    fc.property(names, names, fc.constantFrom('q one', 'q two', 'q three'), (noted, named, asked) => {
      const entry = sealed('q three', noted.map(refutedId))
      const expected = noted.includes(asked) || named.includes('q three')
      expect(isRefuted(entry, refutedId(asked), new Set(named.map(refutedId)))).toBe(expected)
    }),
  )
})

test('an answer that upstream began before a purge is not stored after it', async () => {
  const store = storeOf()
  const where = partition('one')
  const entry = { question: 'a b', answer: answer('a b'), groups: [], exact: '' }
  const since = store.snapshot(where)
  expect(await store.add(where, vectorOf(0), entry, { ...since, isOver: () => true })).toBe(false)
  expect(await store.nearest(where, vectorOf(0), 5, 'a b')).toEqual([])
  expect(await store.add(where, vectorOf(0), entry, { ...since, isOver: () => false })).toBe(true)
  expect(await store.nearest(where, vectorOf(0), 5, 'a b')).toHaveLength(1)
})

test('a vector of other dimensions, or of no length, is not stored; an expired answer is not found', async () => {
  const store = storeOf()
  const where = partition('one')
  const since = { ...store.snapshot(where), isOver: () => false }
  const entry = { question: 'a b', answer: answer('a b'), groups: [], exact: '' }
  expect(await store.add(where, new Float32Array(DIMS + 1).fill(1), entry, since)).toBe(false)
  expect(await store.add(where, new Float32Array(DIMS), entry, since)).toBe(false)
  const expired = { ...entry, answer: { ...entry.answer, freshUntil: Date.now() - 1 } }
  await store.add(where, vectorOf(0), expired, since)
  expect(await store.nearest(where, vectorOf(0), 5, 'a b')).toEqual([])
})

test('names of refuted questions: those known here and those stored, each of 20 characters, within a limit', async () => {
  const refuted = createRefuted(undefined)
  const key = refuted.keyOf(partition('one'), 'Why?')
  expect(key).toBe(refuted.keyOf(partition('one'), '  WHY '))
  expect(key).not.toBe(refuted.keyOf(partition('two'), 'Why?'))
  expect(key).not.toBe(refuted.keyOf(partition('one'), 'Why not?'))
  // In the slot of the partition's entries.
  expect(/\{(.*?)\}/.exec(key)?.[1]).toBe('t')
  const [own, stored, other] = ['a', 'b', 'c'].map(refutedId) as [string, string, string]
  await refuted.add(key, [own, own])
  const known = (value: string) => [...refuted.idsOf(key, Buffer.from(value))].sort()
  expect(known('')).toEqual([own])
  expect(known(stored + other)).toEqual([own, stored, other].sort())
  expect(known(`${stored}${'!'.repeat(5)}`)).toEqual([own, stored].sort())
  // Of a longer value the newest count.
  expect(known(other + stored.repeat(1_000))).toEqual([own, stored].sort())
  expect(known(stored.repeat(1_000) + other)).toEqual([own, stored, other].sort())
  expect([...(await refuted.load(key))]).toEqual([own])
  expect([...refuted.idsOf('another', null)]).toEqual([])
})
