import { LRUCache } from 'lru-cache'
import type { SemanticPlan } from '../../core/caller.ts'
import type { Calibration } from '../embedding/embedder.ts'
import { createJudgeRateLimit } from '../judge/rate-limit.ts'
import type { CalibrationScope } from '../query/partition.ts'
import { DEFAULT_CALIBRATION } from './consensus.ts'
import { createFeedback } from './threshold/feedback.ts'
import {
  addLabel,
  boundedByLabels,
  calibratedThreshold,
  type Estimate,
  emptyLabels,
  estimate,
  type Labels,
  mergeMax,
  offScale,
  onScale,
  supportedByLabels,
} from './threshold/labels.ts'
import type { LabelNote, SharedLabels } from './threshold/shared.ts'

export type CalibrationParts = {
  shared: SharedLabels | undefined
  /** What is known of the embedder's cosines; `undefined`: none. */
  calibration: Calibration | undefined
  /** Told of what goes on in the background. */
  track: (work: Promise<void>) => void
  now?: () => number
}

/** What is known of the questions of one agent of one team. */
export type AgentCalibration = {
  /** Of answers that serve on their own, by cosine; and of those on which several agree, by confidence. */
  nearest: Labels
  consensus: Labels
  /** What follows from them, for a plan of these figures. */
  thresholds: Thresholds | undefined
  /** When the labels of other processes were last looked for. */
  loadedAt: number
  /** Until it is there, nobody knows what others may have learned: that an answer at the threshold is wrong, for one. */
  firstLoad: Promise<void> | undefined
  judgeAllowed: (perHour: number) => boolean
  judging: number
  /** That of the last call, for whoever asks without one. */
  plan: SemanticPlan
}

export type Thresholds = {
  planKey: string
  /** Least cosine of an answer that serves on its own. */
  threshold: number
  /** Least confidence of those who agree; `NEVER`: they are not believed. */
  minConfidence: number
}

/** What an agent's judgements say of one of the two ways to serve. */
export type PathEstimate = Estimate & { threshold: number }

/** Whoever calls may name itself anything. */
const MAX_AGENTS = 1_000
const RELOAD_MS = 60_000
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
  const calibrations = new LRUCache<string, AgentCalibration>({ max: MAX_AGENTS })
  const feedback = createFeedback()
  /** Of each agent, the one that was asked for last. */
  const latest = new LRUCache<string, string>({ max: MAX_AGENTS })

  /** The plan is the one of this call: a policy may have changed since the last. */
  function calibrationOf({ agent, name }: CalibrationScope, plan: SemanticPlan): AgentCalibration {
    const known = calibrations.get(name)
    latest.set(agent, name)
    if (known !== undefined) {
      known.plan = plan
      return known
    }
    const own: AgentCalibration = {
      nearest: emptyLabels(),
      consensus: emptyLabels(),
      thresholds: undefined,
      loadedAt: Number.NEGATIVE_INFINITY,
      firstLoad: undefined,
      judgeAllowed: createJudgeRateLimit(now),
      judging: 0,
      plan,
    }
    calibrations.set(name, own)
    return own
  }

  function thresholdsOf(own: AgentCalibration): Thresholds {
    const { threshold = (calibration ?? DEFAULT_CALIBRATION).minSimilarity, errorBudget } = own.plan
    const of = `${threshold} ${errorBudget}`
    if (own.thresholds?.planKey === of) return own.thresholds
    const limit =
      calibration === undefined
        ? boundedByLabels(own.consensus, errorBudget)
        : supportedByLabels(own.consensus, onScale(calibration.minConfidence), errorBudget)
    own.thresholds = {
      planKey: of,
      threshold: calibratedThreshold(own.nearest, threshold, errorBudget),
      minConfidence: limit === undefined ? NEVER : offScale(limit),
    }
    return own.thresholds
  }

  return {
    of: calibrationOf,
    thresholds: thresholdsOf,
    /** What was judged of one entry. */
    feedback: feedback.of,
    /** What others have learned since is known at the next question; the first one waits for it. */
    async prepare(scope: CalibrationScope, plan: SemanticPlan): Promise<void> {
      const own = calibrationOf(scope, plan)
      if (shared === undefined || now() - own.loadedAt < RELOAD_MS) return own.firstLoad
      own.loadedAt = now()
      const loading = shared.load(scope).then((known) => {
        if (known === undefined) return
        mergeMax(own.nearest, known.nearest)
        mergeMax(own.consensus, known.consensus)
        own.thresholds = undefined
        feedback.adopt(known.feedback)
      })
      track(loading)
      own.firstLoad ??= loading
      return await own.firstLoad
    },
    async learn(scope: CalibrationScope, own: AgentCalibration, note: LabelNote): Promise<void> {
      const { entry, similarity, right, nearest, confidence } = note
      if (nearest) addLabel(own.nearest, similarity, right)
      if (confidence !== undefined) addLabel(own.consensus, onScale(confidence), right)
      own.thresholds = undefined
      feedback.add(entry, { similarity, right })
      await shared?.add(scope, note, own)
    },
    /** What is known of an agent's error, and what follows from it for either way to serve. */
    known(agent: string): { nearest: PathEstimate; consensus: PathEstimate } {
      const own = calibrations.get(latest.get(agent) ?? '')
      const none = { ...estimate(emptyLabels(), 1), threshold: NEVER }
      if (own === undefined) return { nearest: { ...none, threshold: 1 }, consensus: none }
      const { threshold, minConfidence } = thresholdsOf(own)
      return {
        nearest: { ...estimate(own.nearest, threshold), threshold },
        consensus:
          minConfidence === NEVER
            ? none
            : { ...estimate(own.consensus, onScale(minConfidence)), threshold: minConfidence },
      }
    },
  }
}
