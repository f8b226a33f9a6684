import { expect, test } from 'vitest'
import type { SemanticPlan } from '../../core/caller.ts'
import { nanoUsd } from '../../core/money.ts'
import { planOf } from '../../policy/semantic-plan.ts'
import type { Calibration } from '../embedding/embedder.ts'
import type { Candidate } from '../store/port.ts'
import { createLearner, type LearningContext } from './learner.ts'

const CALIBRATION: Calibration = {
  minSimilarity: 0.95,
  minConfidence: 0.6,
  minConsensusSimilarity: 0.7,
  bandwidth: 0.1,
  priorSimilarity: 0.6,
}
const SCHOOL = { agent: 'a', name: 'gw:{t}:sl:a', secret: Buffer.from('secret') }
const QUESTION = 'How do I return shoes?'

const planned = (more: Partial<SemanticPlan> = {}): SemanticPlan => ({
  ...(planOf([{ semantic: { mode: 'on', judge: { rate: 1, perHour: 1e9 } } }]) as SemanticPlan),
  ...more,
})

const entry = (id: string, similarity: number, group = id, said = id): Candidate => {
  const text = JSON.stringify({ choices: [{ message: { content: said } }] })
  return {
    similarity,
    entry: { id, question: QUESTION, groups: [group], exact: '', pinned: false, answer: { text } as never },
  }
}
const around = [0.9, 0.89, 0.88, 0.87].map((at, index) => entry(String(index), at, 'same'))

function learning(calibration: Calibration | undefined, verdict: boolean | 'none' = true) {
  const work: Promise<void>[] = []
  let now = 0
  const asked: number[] = []
  const learner = createLearner({
    shared: undefined,
    calibration,
    track: (each) => void work.push(each),
    random: () => 0.5,
    now: () => now,
  })
  const asker = (plan: SemanticPlan, says = verdict): LearningContext => ({
    scope: SCHOOL,
    plan,
    judge: async (_, near) => {
      asked.push(near.length)
      return says === 'none' ? undefined : near.map(() => says)
    },
  })
  return {
    learner,
    asked,
    asker,
    pass: (ms: number) => {
      now += ms
    },
    settled: () => Promise.all(work.splice(0)),
  }
}

test('with a calibrated embedder, a consensus serves at once', () => {
  const { learner } = learning(CALIBRATION)
  expect(learner.find(QUESTION, around, SCHOOL, planned()).result).toMatchObject({
    outcome: 'hit',
    path: 'consensus',
  })
})

test('without calibration, a consensus serves as soon as labels prove the error budget, and not earlier', async () => {
  const { learner, asker } = learning(undefined)
  const plan = planned({ errorBudget: 0.1 })
  // 0.95 ^ 29 < 0.05: the 29th judgement without a mistake proves one in ten.
  for (let judged = 0; judged < 29; judged += 1) {
    const finding = learner.find(QUESTION, around, SCHOOL, plan)
    expect(finding.result.outcome).toBe('uncalibrated')
    await learner.place(QUESTION, 'fresh', finding, asker(plan))
  }
  expect(learner.find(QUESTION, around, SCHOOL, plan).result.outcome).toBe('hit')
  expect(learner.known('a').consensus).toMatchObject({ labels: 29, wrong: 0 })
})

test('a consensus that turns out wrong beyond the budget stops serving', async () => {
  const { learner, asker, settled } = learning(CALIBRATION, false)
  const plan = planned()
  let served = 0
  for (; served < 20; served += 1) {
    const finding = learner.find(QUESTION, around, SCHOOL, plan)
    if (finding.result.outcome !== 'hit') break
    learner.judgeHit(QUESTION, finding, asker(plan))
    await settled()
  }
  // What was measured counts for 299 judgements: three more may be wrong of them, the fourth is one too many.
  expect(served).toBe(4)
  expect(learner.known('a').consensus.threshold).toBeGreaterThan(CALIBRATION.minConfidence)
})

test('a label of the path consensus does not count for the path nearest', async () => {
  const { learner, asker, settled } = learning(CALIBRATION, false)
  const plan = planned()
  learner.judgeHit(QUESTION, learner.find(QUESTION, around, SCHOOL, plan), asker(plan))
  await settled()
  expect(learner.known('a').nearest).toMatchObject({ labels: 0, threshold: 0.95 })
  const alone = [entry('x', 0.96)]
  learner.judgeHit(QUESTION, learner.find(QUESTION, alone, SCHOOL, plan), asker(plan))
  await settled()
  expect(learner.known('a').nearest.threshold).toBeGreaterThan(0.96)
  expect(learner.known('a').consensus.labels).toBeLessThanOrEqual(1)
})

test('thresholds follow the plan of each call', () => {
  const { learner } = learning(CALIBRATION)
  const near = [entry('x', 0.9)]
  const at = (threshold: number) => learner.find(QUESTION, near, SCHOOL, planned({ threshold })).result
  expect(at(0.95)).toMatchObject({ outcome: 'below-threshold', threshold: 0.95 })
  expect(at(0.85)).toMatchObject({ outcome: 'hit', threshold: 0.85 })
  expect(learner.find(QUESTION, near, SCHOOL, planned()).result.threshold).toBe(CALIBRATION.minSimilarity)
})

test('the hourly limit of judgements follows the plan', async () => {
  const { learner, asker, asked, pass } = learning(CALIBRATION)
  const judged = async (perHour: number) => {
    const plan = planned({ judge: { model: 'm', rate: 1, perHour } })
    const before = asked.length
    for (let each = 0; each < 5; each += 1)
      await learner.place(QUESTION, 'fresh', learner.find(QUESTION, around, SCHOOL, plan), asker(plan))
    return asked.length - before
  }
  expect(await judged(60)).toBe(1)
  pass(60_000)
  expect(await judged(0)).toBe(0)
  expect(await judged(60)).toBe(1)
})

test('a new answer joins equal answers: by text without a judge, else by the judge', async () => {
  const { learner, asker, asked } = learning(CALIBRATION)
  const near = [entry('one', 0.9), entry('two', 0.88)]
  const plan = planned({ judge: undefined })
  const finding = learner.find(QUESTION, near, SCHOOL, plan)
  expect((await learner.place(QUESTION, 'two', finding, asker(plan))).groups).toEqual(['two'])
  expect(asked).toEqual([])
  const { groups: own } = await learner.place(QUESTION, 'otherwise', finding, asker(plan))
  expect(own).toHaveLength(1)
  expect(['one', 'two']).not.toContain(own[0])
  expect((await learner.place(QUESTION, 'otherwise', finding, asker(planned()))).groups).toEqual([
    'one',
    'two',
  ])
  expect(asked).toEqual([2])
})

test.each([
  ['gives no verdict', 'none' as const],
  ['says no', false],
])('where the judge %s, an answer is a group by itself', async (_what, verdict) => {
  const { learner, asker } = learning(CALIBRATION, verdict)
  const finding = learner.find(QUESTION, around, SCHOOL, planned())
  const { groups } = await learner.place(QUESTION, 'otherwise', finding, asker(planned()))
  expect(groups).toHaveLength(1)
  expect(groups).not.toContain('same')
})

test('equal words are a label only where a judgement was granted, and take none away', async () => {
  const { learner, asker, asked, pass } = learning(CALIBRATION)
  const plan = planned({ judge: { model: 'm', rate: 1, perHour: 60 } })
  const near = [entry('one', 0.97)]
  const finding = learner.find(QUESTION, near, SCHOOL, plan)
  const labels = () => learner.known('a').nearest.labels
  await learner.place(QUESTION, 'one', finding, asker(plan))
  await learner.place(QUESTION, 'one', finding, asker(plan))
  expect([labels(), asked.length]).toEqual([2, 0])
  // The judge is asked, and the hour's share is used up: equal words would now be a label that other words could not be.
  await learner.place(QUESTION, 'otherwise', finding, asker(plan))
  await learner.place(QUESTION, 'one', finding, asker(plan))
  expect([labels(), asked.length]).toEqual([3, 1])
  pass(60_000)
  await learner.place(QUESTION, 'one', finding, asker(plan))
  expect(labels()).toBe(4)
})

/** Fifteen neighbours, each with an answer of its own. */
const torn = Array.from({ length: 15 }, (_, at) => entry(`${at}`, 0.87 - at / 1_000))

test('where neighbours have many answers, none is judged, nor the new one alone: no verdict makes a hit', async () => {
  const { learner, asker, asked } = learning(CALIBRATION)
  const plan = planned()
  await learner.place(QUESTION, 'fresh', learner.find(QUESTION, torn, SCHOOL, plan), asker(plan))
  expect(asked).toEqual([])
  // Of few, each may: with the next answer around.
  const few = torn.slice(0, 3)
  await learner.place(QUESTION, 'fresh', learner.find(QUESTION, few, SCHOOL, plan), asker(plan))
  expect(asked).toEqual([3])
})

test('an answer that would have served is judged, whatever is around', async () => {
  const { learner, asker, asked } = learning(CALIBRATION)
  const plan = planned({ mode: 'shadow' })
  const around = [entry('near', 0.96), ...torn.map(({ entry }) => ({ entry, similarity: 0.955 }))]
  const finding = learner.find(QUESTION, around, SCHOOL, plan)
  expect(finding.result).toMatchObject({ outcome: 'shadow-hit', path: 'nearest' })
  await learner.place(QUESTION, 'fresh', finding, asker(plan))
  expect([asked.length, learner.known('a').nearest.labels]).toEqual([1, 1])
})

test('mode auto prices the judgement that is made: the new answer and those it is compared with', async () => {
  const { learner, asker } = learning(CALIBRATION)
  const priced: [near: number, fresh: string | undefined][] = []
  const plan = planned({ mode: 'auto' })
  const context: LearningContext = {
    ...asker(plan),
    prices: async (near, fresh) => {
      priced.push([near.length, fresh])
      return { answer: nanoUsd(1), judgement: nanoUsd(1) }
    },
  }
  const near = [entry('one', 0.9, 'g'), entry('two', 0.88, 'g'), entry('three', 0.87, 'g')]
  await learner.place(QUESTION, 'fresh', learner.find(QUESTION, near, SCHOOL, plan), context)
  expect(priced).toEqual([[1, 'fresh']])
})

test('an answer that waits only for the judge is judged whatever its share, and before the others', async () => {
  const { learner, asker, asked } = learning(CALIBRATION)
  // The sample takes half of all at most, and `random` says 0.5.
  const plan = planned({ judge: { model: 'm', rate: 0.5, perHour: 60 } })
  const place = async (near: Candidate[]) =>
    await learner.place(QUESTION, 'fresh', learner.find(QUESTION, near, SCHOOL, plan), asker(plan))
  await place(around)
  expect(asked).toEqual([])
  const waiting = around.map((near) => ({ ...near, entry: { ...near.entry, unchecked: true as const } }))
  expect(learner.find(QUESTION, waiting, SCHOOL, plan).result).toMatchObject({ reason: 'unchecked' })
  for (let each = 0; each < 20; each += 1) await place(waiting)
  // The share of this minute, and of the ten next.
  expect(asked).toHaveLength(11)
})
