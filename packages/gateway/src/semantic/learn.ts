import type { Call, Handler } from '../call.ts'
import { vetoOf } from './guards/guards.ts'
import { questionOf } from './guards/question.ts'
import { createBudget } from './judge/budget.ts'
import { judge } from './judge/judge.ts'
import type { Meaning } from './meaning.ts'
import type { Plan } from './plan.ts'
import type { Neighbour } from './store/port.ts'
import {
  binOf,
  calibrated,
  type Estimate,
  estimate,
  type Labels,
  label,
  noLabels,
} from './threshold/labels.ts'
import type { SharedLabels } from './threshold/shared.ts'
import { exploration, type Observation } from './threshold/vcache.ts'

export type Learner = ReturnType<typeof createLearner>

/** What is known of one agent's questions. */
type Lesson = {
  plan: Plan
  labels: Labels
  /** When the labels of other processes were last looked for. */
  loadedAt: number
  /** Until it is there, nobody knows what others may have learned: that an answer at `plan.threshold` is wrong, for one. */
  first: Promise<void> | undefined
  threshold: number | undefined
  mayJudge: () => boolean
  judging: number
}

/** Entries whose own labels are remembered; the rest go by their agent's threshold. */
const MAX_ENTRIES = 10_000
/** Labels of its own an entry needs before it goes by them. Source: vCache, arXiv 2502.03771. */
const HOT = 4
const MAX_OBSERVATIONS = 200
const MAX_JUDGING = 4
const CATCH_UP_MS = 60_000

/** Decides what is near enough, and lets a judge correct it. */
export function createLearner(
  shared: SharedLabels | undefined,
  /** Told of what goes on in the background. */
  track: (work: Promise<void>) => void,
  random: () => number = Math.random,
) {
  const lessons = new Map<string, Lesson>()
  const entries = new Map<string, Observation[]>()

  function lessonOf(agent: string, plan: Plan): Lesson {
    const known = lessons.get(agent)
    if (known !== undefined) return known
    const lesson = {
      plan,
      labels: noLabels(),
      threshold: undefined,
      loadedAt: Number.NEGATIVE_INFINITY,
      first: undefined,
      mayJudge: createBudget(plan.judge?.perHour ?? 0),
      judging: 0,
    }
    lessons.set(agent, lesson)
    return lesson
  }

  /** What others have learned since is known at the next question; the first one waits for it. */
  async function prepare(agent: string, plan: Plan): Promise<void> {
    const lesson = lessonOf(agent, plan)
    if (shared === undefined || performance.now() - lesson.loadedAt < CATCH_UP_MS) return lesson.first
    lesson.loadedAt = performance.now()
    const loading = shared.load(agent).then((labels) => {
      if (labels === undefined) return
      lesson.labels = labels
      lesson.threshold = undefined
    })
    track(loading)
    lesson.first ??= loading
    return await lesson.first
  }

  function thresholdOf(lesson: Lesson): number {
    lesson.threshold ??= calibrated(lesson.labels, lesson.plan.threshold, lesson.plan.errorBudget)
    return lesson.threshold
  }

  /** May the nearest answer serve? Near enough first, since guards cost more than a comparison. */
  function decide(asked: string, { entry, similarity }: Neighbour, agent: string, plan: Plan): Meaning {
    const lesson = lessonOf(agent, plan)
    const threshold = thresholdOf(lesson)
    const known = { similarity, threshold, entry: entry.id }
    if (similarity < Math.min(plan.band, threshold)) return { ...known, outcome: 'below' }
    const veto = vetoOf(questionOf(asked), questionOf(entry.question), plan.guards)
    const own = entries.get(entry.id) ?? []
    const isHot = own.length >= HOT
    if (veto !== undefined)
      return { ...known, outcome: isHot || similarity >= threshold ? 'veto' : 'below', reason: veto }
    if (isHot) {
      if (random() <= exploration(own, similarity, plan.errorBudget)) return { ...known, outcome: 'explored' }
    } else if (similarity < threshold) return { ...known, outcome: 'below' }
    return { ...known, outcome: plan.mode === 'on' ? 'hit' : 'would-hit' }
  }

  /** Has some of what passed the guards judged, whether it was served or not: only then do labels tell what serving would do. */
  function consider(
    asked: string,
    near: Neighbour,
    meaning: Meaning,
    call: Call,
    plan: Plan,
    pipeline: Handler,
  ): void {
    const lesson = lessonOf(call.caller.agent, plan)
    if (plan.judge === undefined || near.similarity < plan.band || meaning.reason !== undefined) return
    if (lesson.judging >= MAX_JUDGING || random() >= plan.judge.rate || !lesson.mayJudge()) return
    lesson.judging += 1
    const verdict = judge(pipeline, call, asked, near, plan.judge.model).then((right) => {
      lesson.judging -= 1
      if (right !== undefined) return learn(call.caller.agent, lesson, near, right)
    })
    track(verdict)
  }

  function learn(agent: string, lesson: Lesson, { entry, similarity }: Neighbour, right: boolean) {
    label(lesson.labels, similarity, right)
    lesson.threshold = undefined
    const own = entries.get(entry.id) ?? []
    entries.delete(entry.id)
    entries.set(entry.id, [...own.slice(1 - MAX_OBSERVATIONS), { similarity, right }])
    const [oldest] = entries.size > MAX_ENTRIES ? entries.keys() : []
    if (oldest !== undefined) entries.delete(oldest)
    return shared?.add(agent, binOf(similarity), right)
  }

  return {
    prepare,
    decide,
    consider,
    /** What is known of an agent's error, and the threshold that follows from it. */
    known(agent: string): Estimate & { threshold: number } {
      const lesson = lessons.get(agent)
      if (lesson === undefined) return { ...estimate(noLabels(), 1), threshold: 1 }
      const threshold = thresholdOf(lesson)
      return { ...estimate(lesson.labels, threshold), threshold }
    },
  }
}
