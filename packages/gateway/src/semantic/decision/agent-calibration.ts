import { LRUCache } from 'lru-cache'
import type { SemanticPlan } from '../../core/caller.ts'
import type { Calibration } from '../embedding/embedder.ts'
import { createJudgeRateLimit, type JudgeRateLimit } from '../judge/rate-limit.ts'
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
  /** Calibration of the embedder. `undefined` if it was not measured. */
  calibration: Calibration | undefined
  /** Called with work in the background. */
  track: (work: Promise<void>) => void
  now?: () => number
}

/** Labels and thresholds of one agent of one team. */
export type AgentCalibration = {
  /** Labels of answers selected as nearest, by cosine; and of those selected by consensus, by confidence. */
  nearest: Labels
  consensus: Labels
  /** Thresholds derived from the labels, for the current plan. `undefined` until needed. */
  thresholds: Thresholds | undefined
  /** When labels of other processes were last loaded, by `now()`. */
  loadedAt: number
  /** First load of labels. Calls wait for it: others may have learned that answers at the threshold are wrong. */
  firstLoad: Promise<void> | undefined
  rateLimit: JudgeRateLimit
  judging: number
  /** Plan of the latest call, for readers without a plan. */
  plan: SemanticPlan
}

export type Thresholds = {
  planKey: string
  /** Minimum cosine of an answer served as nearest. */
  threshold: number
  /** Minimum confidence of an answer served by consensus. `NEVER`: that path is off. */
  minConfidence: number
}

/** Error estimate and threshold of one path. */
export type PathEstimate = Estimate & { threshold: number }

/** Callers can invent agent names. */
const MAX_AGENTS = 1_000
const RELOAD_MS = 60_000
/** Above every confidence. */
export const NEVER = 2

/** Keeps the labels and thresholds of each agent, learned here and in other processes. */
export function createAgentCalibration({
  shared,
  calibration,
  track,
  now = () => performance.now(),
}: CalibrationParts) {
  // Evicted ones (LRU) are loaded again from Redis.
  const calibrations = new LRUCache<string, AgentCalibration>({ max: MAX_AGENTS })
  const feedback = createFeedback()
  /** Scope name last used by each agent. */
  const latest = new LRUCache<string, string>({ max: MAX_AGENTS })

  /** Takes the plan of this call, since the policy may have changed. */
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
      rateLimit: createJudgeRateLimit(now),
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
    const bound =
      calibration === undefined
        ? boundedByLabels(own.consensus, errorBudget)
        : supportedByLabels(own.consensus, onScale(calibration.minConfidence), errorBudget)
    own.thresholds = {
      planKey: of,
      threshold: calibratedThreshold(own.nearest, threshold, errorBudget),
      minConfidence: bound === undefined ? NEVER : offScale(bound),
    }
    return own.thresholds
  }

  async function learn(scope: CalibrationScope, own: AgentCalibration, note: LabelNote): Promise<void> {
    const { entry, similarity, right, nearest, confidence } = note
    if (nearest) addLabel(own.nearest, similarity, right)
    if (confidence !== undefined) addLabel(own.consensus, onScale(confidence), right)
    own.thresholds = undefined
    feedback.add(entry, { similarity, right })
    await shared?.add(scope, note, own)
  }

  return {
    of: calibrationOf,
    thresholds: thresholdsOf,
    /** Returns the labels of one entry. */
    feedback: feedback.of,
    /** Loads labels of other processes, at most once a minute. Only the first load is waited for. */
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
    learn,
    /** Learns a label that comes without a call: for this process if it serves the agent, and for all others. */
    async note(scope: CalibrationScope, note: LabelNote): Promise<void> {
      const own = calibrations.get(scope.name)
      if (own !== undefined) return await learn(scope, own, note)
      feedback.add(note.entry, { similarity: note.similarity, right: note.right })
      await shared?.add(scope, note, { nearest: emptyLabels(), consensus: emptyLabels() })
    },
    /** Returns error estimate and threshold of each path of an agent. */
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
