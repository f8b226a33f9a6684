import type { SemanticPlan } from '../../core/caller.ts'
import type { SemanticResult } from '../../core/record.ts'
import type { Calibration } from '../embedding/embedder.ts'
import { doubtsOf, vetoOf } from '../guards/guards.ts'
import { createReader } from '../guards/reader.ts'
import type { CalibrationScope } from '../query/partition.ts'
import type { Candidate } from '../store/port.ts'
import { type createAgentCalibration, NEVER, type Thresholds } from './agent-calibration.ts'
import type { Standing } from './auto/standing.ts'
import { clusterAnswers } from './clusters.ts'
import { type Decision, decide } from './decide.ts'
import type { Match } from './match.ts'
import { exploration } from './threshold/vcache.ts'

type Parts = {
  calibrations: ReturnType<typeof createAgentCalibration>
  figures: Calibration
  /** Whether an agent in mode `auto` serves. */
  standingOf: (scope: CalibrationScope, plan: SemanticPlan) => Standing
  random: () => number
}

/** Labels an entry needs for a curve of its own. Source: vCache, arXiv 2502.03771. */
const MIN_ENTRY_LABELS = 4

/** Creates the decision: which of the entries found may answer. */
export function createFinder({ calibrations, figures, standingOf, random }: Parts) {
  const read = createReader()

  /**
   * Decides which of the entries found may answer; `found` is sorted by cosine.
   * @param isAwaited whether the caller waits for it; if not, nothing serves
   */
  function find(
    asked: string,
    found: readonly Candidate[],
    scope: CalibrationScope,
    plan: SemanticPlan,
    isAwaited = plan.mode !== 'shadow',
  ): Match {
    const neighbours = withoutRefuted(found)
    const [nearest] = neighbours
    if (nearest === undefined) {
      const [{ entry, similarity } = {}] = found
      if (entry === undefined || similarity === undefined)
        return { candidates: neighbours, result: { outcome: 'no-candidate' } }
      return {
        candidates: neighbours,
        result: { outcome: 'veto', reason: 'refuted', similarity, entry: entry.id },
      }
    }
    const thresholds = calibrations.thresholds(calibrations.of(scope, plan))
    const { similarity } = nearest
    const isFar = similarity < Math.min(plan.judgeFrom, thresholds.threshold, figures.minConsensusSimilarity)
    const decision = isFar ? undefined : decideFor(asked, neighbours, plan, thresholds)
    const candidate = decision?.index === undefined ? undefined : neighbours[decision.index]
    const { entry, similarity: cosine } = candidate ?? nearest
    const known = { similarity: cosine, threshold: thresholds.threshold, entry: entry.id }
    if (decision === undefined)
      return { candidates: neighbours, result: { ...known, outcome: 'below-threshold' } }
    const { path, confidence, veto } = decision
    const why = path === 'consensus' ? { path, confidence } : { path }
    if (candidate === undefined) {
      const outcome =
        similarity >= thresholds.threshold || confidence >= thresholds.minConfidence
          ? 'veto'
          : 'below-threshold'
      return { candidates: neighbours, result: { ...known, ...why, outcome, ...(veto && { reason: veto }) } }
    }
    const verdict = verdictOn(decision, candidate, plan, thresholds)
    const result = { ...known, ...why, ...(verdict ?? serving(scope, plan, isAwaited)) }
    return { candidates: neighbours, chosen: candidate, result }
  }

  /** An answer that may serve: whether it does depends on the mode. */
  function serving(
    scope: CalibrationScope,
    plan: SemanticPlan,
    isAwaited: boolean,
  ): Pick<SemanticResult, 'outcome' | 'reason'> {
    if (plan.mode !== 'auto') return { outcome: plan.mode === 'on' && isAwaited ? 'hit' : 'shadow-hit' }
    const { serving, reason } = standingOf(scope, plan)
    if (serving && isAwaited) return { outcome: 'hit' }
    return { outcome: 'shadow-hit', reason: serving ? 'unknown' : reason }
  }

  function decideFor(
    asked: string,
    neighbours: readonly Candidate[],
    plan: SemanticPlan,
    thresholds: Thresholds,
  ) {
    const near = neighbours.map(({ entry, similarity }) => ({
      question: read(entry.question),
      groups: entry.groups,
      similarity,
      asker: entry.asker,
      unchecked: mustBeChecked(entry, plan),
    }))
    return decide(read(asked), near, {
      ...thresholds,
      calibration: figures,
      vetoOf: (asked, cached) => vetoOf(asked, cached, plan.guards),
      doubtOf: (asked, cached) => doubtsOf(asked, cached, plan.guards),
      requireConfirmation: plan.requireConfirmation,
    })
  }

  /** Returns why an answer may not serve in any mode; `undefined` if it may. */
  function verdictOn(
    { serves, path, confidence }: Decision,
    { entry, similarity }: Candidate,
    plan: SemanticPlan,
    { minConfidence }: Thresholds,
  ): Pick<SemanticResult, 'outcome' | 'reason'> | undefined {
    const isUncalibrated =
      minConfidence === NEVER && path === 'consensus' && confidence >= figures.minConfidence
    if (!serves) return { outcome: isUncalibrated ? 'uncalibrated' : 'below-threshold' }
    if (mustBeChecked(entry, plan)) return { outcome: 'veto', reason: 'unchecked' }
    // An entry with enough labels also follows its own curve, which can only make serving rarer.
    const own = path === 'nearest' ? calibrations.feedback(entry.id) : []
    const isExplored =
      own.length >= MIN_ENTRY_LABELS && random() <= exploration(own, similarity, plan.errorBudget)
    return isExplored ? { outcome: 'explored' } : undefined
  }

  return find
}

/** Whether the judge must first find that an answer is no single person's. Without a judge the rules for answers decide alone. */
const mustBeChecked = ({ unchecked }: Candidate['entry'], { judge }: SemanticPlan) =>
  unchecked === true && judge !== undefined

/** Drops answers judged wrong for this question, and all answers equal to one of them. */
function withoutRefuted(neighbours: readonly Candidate[]): readonly Candidate[] {
  if (!neighbours.some(({ refuted }) => refuted)) return neighbours
  const clusters = clusterAnswers(neighbours.map(({ entry }) => entry))
  const wrong = new Set(clusters.filter((_, at) => neighbours[at]?.refuted))
  return neighbours.filter((_, at) => !wrong.has(clusters[at] ?? -1))
}
