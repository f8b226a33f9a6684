import { expect, test } from 'vitest'
import { GUARD_NAMES } from '#src/core/policy.ts'
import { CALIBRATION } from '#src/semantic/embedding/local.ts'
import { ownParaphrases, ownQuestions, ownTraps } from './bench/semantic/data.ts'
import { servedAt, verdictsOn } from './bench/semantic/pairs.ts'
import { playProduct } from './bench/semantic/play.ts'
import { createRecordedEmbedder } from './bench/semantic/recorded.ts'
import { shuffled, streamOf } from './bench/semantic/stream.ts'

/** Where most paraphrases lie, and many traps. */
const NEAR = 0.92
const { embed, dimensions } = createRecordedEmbedder()
const traps = await verdictsOn(ownTraps('heldOut'), embed)
const paraphrases = await verdictsOn(ownParaphrases('heldOut'), embed)

test('of the held-out traps none is served, at the default threshold or far below it', () => {
  for (const threshold of [CALIBRATION.minSimilarity, NEAR, CALIBRATION.minConsensusSimilarity, 0.5]) {
    const served = traps.filter(({ similarity, veto }) => similarity >= threshold && veto === undefined)
    expect(served).toEqual([])
  }
})

test('without guards, more than a third of the held-out traps would be', () => {
  expect(servedAt(traps, NEAR).off).toBeGreaterThan(traps.length / 3)
})

test('each kind of trap has at least eight that were held out, and twelve in all', () => {
  const kinds = new Set(traps.map(({ kind }) => kind))
  expect(kinds.size).toBe(12)
  for (const kind of kinds) {
    const held = traps.filter((trap) => trap.kind === kind).length
    expect(held, kind).toBeGreaterThanOrEqual(8)
    expect(held + ownTraps('development').filter((trap) => trap.kind === kind).length).toBeGreaterThanOrEqual(
      12,
    )
  }
})

test('the guards keep nine in ten of the held-out paraphrases, and half of them lie within reach', () => {
  expect(
    paraphrases.filter(({ veto }) => veto === undefined).length / paraphrases.length,
  ).toBeGreaterThanOrEqual(0.9)
  expect(servedAt(paraphrases, NEAR).on / paraphrases.length).toBeGreaterThanOrEqual(0.5)
})

test('guards that are not selected have no say', async () => {
  const without = GUARD_NAMES.filter((name) => name !== 'actions' && name !== 'freshness')
  const verdicts = await verdictsOn(ownTraps('heldOut'), embed, without)
  const vetoed = (kind: string) =>
    verdicts.filter((verdict) => verdict.kind === kind && verdict.veto !== undefined).length
  expect(vetoed('freshness')).toBeLessThan(4)
  expect(vetoed('numbers')).toBe(9)
  expect(verdicts.every(({ veto }) => veto !== 'actions' && veto !== 'freshness')).toBe(true)
})

test('of our own questions, asked one after the other, none gets the answer of another intent', async () => {
  const set = ownQuestions()
  const vectors = new Float32Array(set.texts.length * dimensions)
  for (const [at, vector] of (await embed(set.texts)).entries()) vectors.set(vector, at * dimensions)
  let hits = 0
  for (const seed of [1, 2, 3, 4, 5]) {
    const stream = streamOf(set, shuffled(set.texts.length, seed), vectors)
    const outcome = await playProduct(stream, {
      calibration: CALIBRATION,
      rate: 1,
      perHour: 3_600,
      pace: 100,
      seed,
    })
    expect(outcome.wrong).toBe(0)
    hits += outcome.hits
  }
  // Eight questions of each intent are few: more than half have no neighbours yet for a consensus.
  expect(hits / 5 / set.texts.length).toBeGreaterThan(0.02)
})
