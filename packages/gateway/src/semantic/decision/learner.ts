import type { SemanticPlan } from '../../core/caller.ts'
import type { SemanticResult } from '../../core/record.ts'
import { doubtsOf, vetoOf } from '../guards/guards.ts'
import { createReader } from '../guards/reader.ts'
import type { Verdict } from '../judge/judge.ts'
import type { CalibrationScope } from '../query/partition.ts'
import type { Candidate } from '../store/port.ts'
import { type CalibrationParts, createAgentCalibration, NEVER, type Thresholds } from './agent-calibration.ts'
import { clusterAnswers, groupName, groupsToJoin, hasSameText } from './clusters.ts'
import { DEFAULT_CALIBRATION } from './consensus.ts'
import { type Decision, decide } from './decide.ts'
import type { Match } from './match.ts'
import { exploration } from './threshold/vcache.ts'

export type Learner = ReturnType<typeof createLearner>

/**
 * Tells for each cached answer whether it would have been right, and for `fresh`, the new answer, last. `undefined`: no verdict.
 */
export type Judge = (
  asked: string,
  near: readonly Candidate[],
  model: string,
  fresh?: string,
) => Promise<Verdict[] | undefined>

/** What learning needs of a call: its scope, plan and judge. */
export type LearningContext = {
  scope: CalibrationScope
  plan: SemanticPlan
  judge: Judge
  /** Notes for all processes that the answers of these entries are wrong for the question. */
  refute?: (wrong: readonly Candidate[]) => Promise<void>
  /** Notes for all processes that the answers of these entries are no single person's. */
  check?: (impersonal: readonly Candidate[]) => Promise<void>
  /** Deletes entries whose answers are one person's. */
  discard?: (personal: readonly Candidate[]) => Promise<void>
}

/** A new answer: the groups that it joins, and what the judge says of it. `undefined`: no verdict. */
export type Placement = { groups: string[]; verdict: Verdict | undefined }

/** Labels an entry needs for a curve of its own. Source: vCache, arXiv 2502.03771. */
const MIN_ENTRY_LABELS = 4
const MAX_JUDGING = 4
/** Clusters a new answer is compared with, in one call of the judge. */
const MAX_COMPARED = 3

/** Creates the learner: it decides which entry may serve, and learns from a judge's labels. */
export function createLearner({
  random = Math.random,
  ...parts
}: CalibrationParts & { random?: () => number }) {
  const { calibration, track } = parts
  const calibrations = createAgentCalibration(parts)
  const read = createReader()
  const figures = calibration ?? DEFAULT_CALIBRATION

  /** Decides which of the entries found may answer; `found` is sorted by cosine. */
  function find(
    asked: string,
    found: readonly Candidate[],
    scope: CalibrationScope,
    plan: SemanticPlan,
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
    const outcome = outcomeOf(decision, candidate, plan, thresholds)
    const reason = outcome === 'veto' && { reason: 'unchecked' }
    return { candidates: neighbours, chosen: candidate, result: { ...known, ...why, outcome, ...reason } }
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

  function outcomeOf(
    { serves, path, confidence }: Decision,
    { entry, similarity }: Candidate,
    plan: SemanticPlan,
    { minConfidence }: Thresholds,
  ): SemanticResult['outcome'] {
    const isUncalibrated =
      minConfidence === NEVER && path === 'consensus' && confidence >= figures.minConfidence
    if (!serves) return isUncalibrated ? 'uncalibrated' : 'below-threshold'
    if (mustBeChecked(entry, plan)) return 'veto'
    // An entry with enough labels also follows its own curve, which can only make serving rarer.
    const own = path === 'nearest' ? calibrations.feedback(entry.id) : []
    if (own.length >= MIN_ENTRY_LABELS && random() <= exploration(own, similarity, plan.errorBudget))
      return 'explored'
    return plan.mode === 'on' ? 'hit' : 'shadow-hit'
  }

  /** Has a sample of hits judged, in the background. */
  function judgeHit(asked: string, match: Match, context: LearningContext): void {
    const { chosen } = match
    if (chosen === undefined || !mayServe(match, context.plan) || !isSampled(context.plan)) return
    const asking = askJudge(asked, [chosen], context).then(([verdict] = []) =>
      verdict === undefined ? undefined : learnFrom(verdict, match, chosen, context, true),
    )
    track(asking)
  }

  /** Acts on a verdict on an entry. `isLabel`: the entry might have served, so the verdict tells of its path, too. */
  async function learnFrom(
    verdict: Verdict,
    match: Match,
    near: Candidate,
    context: LearningContext,
    isLabel: boolean,
  ): Promise<void> {
    // An answer that is one person's would have been wrong.
    const right = verdict === true
    await Promise.all([
      isLabel ? recordLabel(match, near, right, context) : undefined,
      right ? undefined : context.refute?.(sameAnswer(match, near)),
      verdict === 'personal' ? context.discard?.(sameAnswer(match, near)) : undefined,
      verdict !== 'personal' && near.entry.unchecked ? context.check?.([near]) : undefined,
    ])
  }

  /**
   * Returns the groups of a new answer, and the judge's word on it. Groups: those of neighbours with an equal answer, by text or by the judge. A verdict
   * on the entry that might have served is also a label: no other source tells whether it would have been right.
   */
  async function place(
    asked: string,
    said: string,
    match: Match,
    context: LearningContext,
  ): Promise<Placement> {
    const { candidates, chosen } = match
    const same = candidates.filter(({ entry }) => hasSameText(entry, said))
    const alike = [...same]
    // Equal words are no single person's if those of an entry are not.
    let own: Verdict | undefined = same.some(({ entry }) => !entry.unchecked) || undefined
    if (isSampled(context.plan)) {
      // Equal texts need no judge, but only sampled ones count as labels: others would bias the rate.
      if (chosen !== undefined && same.includes(chosen)) await recordLabel(match, chosen, true, context)
      const others = comparisonCandidates(match, context.plan, same)
      // Alone it is judged once an answer of the same words might have served.
      const isWorth = others.length > 0 || (own === undefined && chosen !== undefined)
      const verdicts = isWorth ? await askJudge(asked, others, context, said) : undefined
      own ??= verdicts?.[others.length]
      if (own === true) await context.check?.(same.filter(({ entry }) => entry.unchecked))
      if (own === 'personal') await context.discard?.(same)
      for (const [at, near] of others.entries()) {
        const verdict = verdicts?.[at]
        if (verdict === undefined) continue
        await learnFrom(verdict, match, near, context, near === chosen)
        if (verdict === true) alike.push(near)
      }
    }
    const joined = groupsToJoin(candidates, alike)
    return { groups: joined.length > 0 ? joined : [groupName(said)], verdict: own }
  }

  /**
   * Returns the entries that a new answer is compared with: the one that might have served, and the nearest of each
   * other cluster. Guards do not apply, since answers are compared; they apply again whenever one is to serve.
   */
  function comparisonCandidates(match: Match, plan: SemanticPlan, same: readonly Candidate[]): Candidate[] {
    const { candidates, chosen: candidate } = match
    const clusters = clusterAnswers(candidates.map(({ entry }) => entry))
    const chosen = candidate !== undefined && mayServe(match, plan) ? [candidate] : []
    const seen = new Set<number | undefined>()
    for (const [at, near] of candidates.entries())
      if (same.includes(near) || chosen.includes(near)) seen.add(clusters[at])
    for (const [at, near] of candidates.entries()) {
      if (
        chosen.length >= MAX_COMPARED ||
        near.similarity < Math.min(plan.judgeFrom, figures.priorSimilarity)
      )
        break
      if (seen.has(clusters[at])) continue
      seen.add(clusters[at])
      chosen.push(near)
    }
    return chosen.filter((near) => !same.includes(near))
  }

  const isSampled = ({ judge }: SemanticPlan) => judge !== undefined && random() < judge.rate

  async function askJudge(
    asked: string,
    near: readonly Candidate[],
    { scope, plan, judge }: LearningContext,
    fresh?: string,
  ): Promise<Verdict[] | undefined> {
    const own = calibrations.of(scope, plan)
    if (plan.judge === undefined || own.judging >= MAX_JUDGING) return undefined
    if (!own.judgeAllowed(plan.judge.perHour)) return undefined
    own.judging += 1
    try {
      return await judge(asked, near, plan.judge.model, fresh)
    } finally {
      own.judging -= 1
    }
  }

  /**
   * Records a judge's label under the path that selected the answer (`consensus` or `nearest`). Error rates are
   * tracked per path; each path stays within `errorBudget`, hence so does their mixture.
   */
  async function recordLabel(
    { result, candidates }: Match,
    near: Candidate,
    right: boolean,
    context: LearningContext,
  ) {
    const own = calibrations.of(context.scope, context.plan)
    const { path, confidence = 0 } = result
    const isAgreed = path === 'consensus'
    await calibrations.learn(context.scope, own, {
      entry: near.entry.id,
      similarity: near.similarity,
      right,
      nearest:
        near === candidates[0] && !(isAgreed && confidence >= calibrations.thresholds(own).minConfidence),
      confidence: isAgreed ? confidence : undefined,
    })
  }

  const { prepare, known, note } = calibrations
  return { prepare, known, note, find, judgeHit, place }
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

/** Returns the candidates with an equal answer, itself included: a wrong answer is wrong for all of them. */
function sameAnswer({ candidates }: Match, near: Candidate): Candidate[] {
  const clusters = clusterAnswers(candidates.map(({ entry }) => entry))
  const own = clusters[candidates.indexOf(near)]
  return own === undefined ? [near] : candidates.filter((_, at) => clusters[at] === own)
}

/** Only an answer that may serve at some threshold is worth judging. */
const mayServe = ({ chosen, result }: Match, { judgeFrom }: SemanticPlan) =>
  chosen !== undefined && (chosen.similarity >= judgeFrom || result.path === 'consensus')
