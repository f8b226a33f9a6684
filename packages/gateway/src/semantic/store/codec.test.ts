import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { CacheEntry } from '../../cache-entry/entry.ts'
import type { Partition } from '../query/partition.ts'
import { FLAGS_AT, isPinned, seal, unseal } from './codec.ts'

const usage = { input: 1, cachedInput: 0, audioInput: 0, output: 1, reasoning: 0, audioOutput: 0 }
const answer: CacheEntry = {
  text: '{"id":"x","choices":[]}',
  usage: { usage, estimated: false },
  model: 'm',
  headers: [],
  answerId: undefined,
  untold: false,
  team: 't',
  agent: 'a',
  storedAt: 1,
  freshUntil: 2,
  keptUntil: 3,
}
const partition = (name: string, secret: string): Partition => ({ name, secret: Buffer.from(secret) })
const here = partition('gw:{t}:s:one', 'secret')
const sealed = {
  question: 'Where?',
  vector: Int8Array.of(1, -2, 3),
  answer,
  groups: ['twelve_chars', 'more_of_them'],
  refuted: ['twenty_characters_id', 'another_one_of_those'],
  exact: `gw:{t}:x:${'x'.repeat(42)}A`,
  pinned: true,
  asker: '',
  checked: false,
}
const NOW = 'a_generation'
const value = (await seal(here, 'id', sealed, NOW)) as Buffer

test('a sealed entry is unsealed unchanged', async () => {
  expect(await unseal(here, 'id', value, NOW)).toEqual(sealed)
})

test('flags and asker are kept together, and the flags alone tell whether it is pinned', async () => {
  for (const pinned of [true, false])
    for (const checked of [true, false])
      for (const asker of ['', 'twelve-chars']) {
        const entry = { ...sealed, pinned, checked, asker }
        const bytes = (await seal(here, 'id', entry, NOW)) as Buffer
        expect(await unseal(here, 'id', bytes, NOW)).toEqual(entry)
        expect(isPinned(bytes[FLAGS_AT])).toBe(pinned)
      }
})

test('another id, partition or secret unseals nothing', async () => {
  expect(await unseal(here, 'other', value, NOW)).toBeUndefined()
  expect(await unseal(partition('gw:{t}:s:two', 'secret'), 'id', value, NOW)).toBeUndefined()
  expect(await unseal(partition('gw:{t}:s:one', 'guess'), 'id', value, NOW)).toBeUndefined()
})

test('a value with any byte changed is never unsealed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(value.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const changed = Buffer.from(value)
      changed[at] = (changed[at] ?? 0) ^ by
      expect(await unseal(here, 'id', changed, NOW)).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})

test('any other value is rejected without an error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (bytes, marked) => {
      const hostile = marked ? Buffer.concat([value.subarray(0, 8), bytes]) : Buffer.from(bytes)
      expect(await unseal(here, 'id', hostile, NOW)).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})

test('an entry above the size limits is not stored', async () => {
  expect(await seal(here, 'id', { ...sealed, question: 'x'.repeat(5_000) }, NOW)).toBeUndefined()
  const text = Array.from({ length: 300_000 }, () => Math.random().toString(36)).join('')
  expect(await seal(here, 'id', { ...sealed, answer: { ...answer, text } }, NOW)).toBeUndefined()
})
