import { LRUCache } from 'lru-cache'
import type { SemanticPlan } from '../../core/caller.ts'
import type { Calibration } from '../embedding/embedder.ts'
import { createBudget } from '../judge/rate-limit.ts'
import type { PartitionRules } from '../query/partition.ts'
import { UNMEASURED } from './consensus.ts'
import {
  adopt,
  boundedByLabels,
  calibrated,
  type Estimate,
  estimate,
  type Labels,
  label,
  noLabels,
  offScale,
  onScale,
  supportedByLabels,
} from './threshold/labels.ts'
import type { Note, SharedLabels } from './threshold/shared.ts'
import { createSightings } from './threshold/sightings.ts'

export type CalibrationParts = {
  shared: SharedLabels | undefined
  /** What is known of the embedder's cosines; `undefined`: nothing. */
  calibration: Calibration | undefined
  /** Told of what goes on in the background. */
  track: (work: Promise<void>) => void
  now?: () => number
}

/** What is known of the questions of one agent of one team. */
export type AgentCalibration = {
  /** Of answers that serve on their own, by cosine; and of those on which several agree, by confidence. */
  alone: Labels
  agreed: Labels
  /** What follows from them, for a plan of these figures. */
  bars: Thresholds | undefined
  /** When the labels of other processes were last looked for. */
  loadedAt: number
  /** Until it is there, nobody knows what others may have learned: that an answer at the threshold is wrong, for one. */
  first: Promise<void> | undefined
  mayJudge: (perHour: number) => boolean
  judging: number
  /** That of the last call, for whoever asks without one. */
  plan: SemanticPlan
}

export type Thresholds = {
  of: string
  /** Least cosine of an answer that serves on its own. */
  threshold: number
  /** Least confidence of those who agree; `NEVER`: they are not believed. */
  limit: number
}

/** What an agent's judgements say of one of the two ways to serve. */
export type Known = Estimate & { threshold: number }

/** Whoever calls may name itself anything. */
const MAX_AGENTS = 1_000
const CATCH_UP_MS = 60_000
/** Above every confidence. */
export const NEVER = 2

/** What judgements have taught of each agent, here and in other processes. */
export function createAgentCalibration({
  shared,
  calibration,
  track,
  now = () => performance.now(),
}: CalibrationParts) {
  // Those forgotten are read again from what processes share.
  const lessons = new LRUCache<string, AgentCalibration>({ max: MAX_AGENTS })
  const sightings = createSightings()
  /** Of each agent, the one that was asked for last. */
  const latest = new LRUCache<string, string>({ max: MAX_AGENTS })

  /** The plan is the one of this call: a policy may have changed since the last. */
  function lessonOf({ agent, name }: PartitionRules, plan: SemanticPlan): AgentCalibration {
    const known = lessons.get(name)
    latest.set(agent, name)
    if (known !== undefined) {
      known.plan = plan
      return known
    }
    const lesson: AgentCalibration = {
      alone: noLabels(),
      agreed: noLabels(),
      bars: undefined,
      loadedAt: Number.NEGATIVE_INFINITY,
      first: undefined,
      mayJudge: createBudget(now),
      judging: 0,
      plan,
    }
    lessons.set(name, lesson)
    return lesson
  }

  function barsOf(lesson: AgentCalibration): Thresholds {
    const { threshold = (calibration ?? UNMEASURED).alone, errorBudget } = lesson.plan
    const of = `${threshold} ${errorBudget}`
    if (lesson.bars?.of === of) return lesson.bars
    const limit =
      calibration === undefined
        ? boundedByLabels(lesson.agreed, errorBudget)
        : supportedByLabels(lesson.agreed, onScale(calibration.confidence), errorBudget)
    lesson.bars = {
      of,
      threshold: calibrated(lesson.alone, threshold, errorBudget),
      limit: limit === undefined ? NEVER : offScale(limit),
    }
    return lesson.bars
  }

  return {
    of: lessonOf,
    bars: barsOf,
    /** What was judged of one entry. */
    sightings: sightings.of,
    /** What others have learned since is known at the next question; the first one waits for it. */
    async prepare(school: PartitionRules, plan: SemanticPlan): Promise<void> {
      const lesson = lessonOf(school, plan)
      if (shared === undefined || now() - lesson.loadedAt < CATCH_UP_MS) return lesson.first
      lesson.loadedAt = now()
      const loading = shared.load(school).then((known) => {
        if (known === undefined) return
        adopt(lesson.alone, known.alone)
        adopt(lesson.agreed, known.agreed)
        lesson.bars = undefined
        sightings.adopt(known.sightings)
      })
      track(loading)
      lesson.first ??= loading
      return await lesson.first
    },
    async learn(school: PartitionRules, lesson: AgentCalibration, note: Note): Promise<void> {
      const { entry, similarity, right, alone, confidence } = note
      if (alone) label(lesson.alone, similarity, right)
      if (confidence !== undefined) label(lesson.agreed, onScale(confidence), right)
      lesson.bars = undefined
      sightings.add(entry, { similarity, right })
      await shared?.add(school, note, lesson)
    },
    /** What is known of an agent's error, and what follows from it for either way to serve. */
    known(agent: string): { alone: Known; agreed: Known } {
      const lesson = lessons.get(latest.get(agent) ?? '')
      const nothing = { ...estimate(noLabels(), 1), threshold: NEVER }
      if (lesson === undefined) return { alone: { ...nothing, threshold: 1 }, agreed: nothing }
      const { threshold, limit } = barsOf(lesson)
      return {
        alone: { ...estimate(lesson.alone, threshold), threshold },
        agreed: limit === NEVER ? nothing : { ...estimate(lesson.agreed, onScale(limit)), threshold: limit },
      }
    },
  }
}
