import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { vetoOf } from '#src/semantic/guards/guards.ts'
import { questionOf } from '#src/semantic/guards/question.ts'
import { ineligibleReason } from '#src/semantic/query/eligibility.ts'
import { isImpersonal } from '#src/semantic/query/personal-answer.ts'
import { plainText } from '#src/semantic/query/plain-text.ts'

type Given = { q: string; a: string; paraphrase: string }
const given = (name: string): Given[] =>
  JSON.parse(readFileSync(new URL(`data/${name}.json`, import.meta.url), 'utf8'))

/** Whether the rules alone let the answer to `q` be given to `paraphrase`, if all vectors were equal. */
const isServed = ({ q, a, paraphrase }: Given) =>
  ineligibleReason(q) === undefined &&
  ineligibleReason(paraphrase) === undefined &&
  isImpersonal(plainText(a)) &&
  vetoOf(questionOf(paraphrase), questionOf(q), ['language', 'freshness', 'length']) === undefined

test('of 240 pairs that are personal or momentary, in the question, the answer or both, none is served', () => {
  const personal = given('personal')
  expect(personal).toHaveLength(240)
  expect(personal.filter(isServed)).toEqual([])
})

test('of 200 more, in English only and without names or numbers, one in forty passes the rules, and is left to the judge', () => {
  const personal = given('personal-2')
  expect(personal).toHaveLength(200)
  expect(personal.filter(isServed).length).toBeLessThanOrEqual(5)
})

test('of 200 general questions and answers, four fifths of each are still shared', () => {
  const general = given('general')
  expect(general).toHaveLength(200)
  const asked = general.filter(({ q }) => ineligibleReason(q) === undefined)
  const answered = general.filter(({ a }) => isImpersonal(plainText(a)))
  expect(asked.length).toBeGreaterThanOrEqual(175)
  // Doubt counts against an answer: one that is not stored costs a call.
  expect(answered.length).toBeGreaterThanOrEqual(160)
})
