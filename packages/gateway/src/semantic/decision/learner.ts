import type { SemanticPlan } from '../../core/caller.ts'
import type { Calibration } from '../embedding/embedder.ts'
import type { Verdict } from '../judge/verdicts.ts'
import type { CalibrationScope } from '../query/partition.ts'
import type { Candidate } from '../store/port.ts'
import { type CalibrationParts, createAgentCalibration } from './agent-calibration.ts'
import { createAuto } from './auto/auto.ts'
import type { SharedStates } from './auto/shared-states.ts'
import { clusterAnswers, groupName, groupsToJoin, hasSameText } from './clusters.ts'
import { DEFAULT_CALIBRATION } from './consensus.ts'
import { createFinder } from './find.ts'
import { createJudging, type JudgingContext, type Permit } from './judging.ts'
import type { Match } from './match.ts'
import { isNearlySure, prospectsOf } from './prospect.ts'
import type { LabelNote } from './threshold/shared.ts'

export type Learner = ReturnType<typeof createLearner>

/** What learning needs of a call. */
export type LearningContext = JudgingContext & {
  /** Notes for all processes that the answers of these entries are wrong for the question. */
  refute?: (wrong: readonly Candidate[]) => Promise<void>
  /** Notes for all processes that the answers of these entries are no single person's. */
  check?: (impersonal: readonly Candidate[]) => Promise<void>
  /** Deletes entries whose answers are one person's. */
  discard?: (personal: readonly Candidate[]) => Promise<void>
}

/** A new answer: the groups that it joins, and what the judge says of it. `undefined`: no verdict. */
export type Placement = { groups: string[]; verdict: Verdict | undefined }

/** Clusters a new answer is compared with, in one call of the judge. */
const MAX_COMPARED = 3

/** Creates the learner: it decides which entry may serve, and learns from a judge's labels. */
export function createLearner({
  random = Math.random,
  states,
  wall = Date.now,
  ...parts
}: CalibrationParts & { random?: () => number; states?: SharedStates | undefined; wall?: () => number }) {
  const { calibration, track, now = () => performance.now() } = parts
  const figures = calibration ?? DEFAULT_CALIBRATION
  const calibrations = createAgentCalibration(parts)
  const auto = createAuto({ shared: states, track, now, wall })
  const find = createFinder({ calibrations, figures, standingOf: auto.standing, random })
  const permit = createJudging({ calibrationOf: calibrations.of, sumsOf: auto.sums, random })

  /** Has a sample of hits judged, in the background. */
  function judgeHit(asked: string, match: Match, context: LearningContext): void {
    const { chosen } = match
    if (chosen !== undefined && mayServe(match, context.plan, figures))
      track(judgeChosen(asked, match, chosen, context))
  }

  async function judgeChosen(asked: string, match: Match, chosen: Candidate, context: LearningContext) {
    const granted = await permit(context, [chosen])
    if (granted === undefined) return
    try {
      const [verdict] = (await granted.ask(asked, [chosen])) ?? []
      if (verdict !== undefined) await learnFrom(verdict, match, chosen, context, true)
    } finally {
      granted.end()
    }
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
    const same = match.candidates.filter(({ entry }) => hasSameText(entry, said))
    const known = { alike: [...same], own: same.some(({ entry }) => !entry.unchecked) || undefined }
    // By its price for all of them: a lower one for answers of equal words would make more of these labels.
    const occasion = { fresh: said, isDue: match.result.reason === 'unchecked' }
    const granted = await permit(context, comparisonCandidates(match, context.plan, []), occasion)
    try {
      const { alike, own } = granted ? await compare(asked, said, match, same, context, granted) : known
      const joined = groupsToJoin(match.candidates, alike)
      return { groups: joined.length > 0 ? joined : [groupName(said)], verdict: own }
    } finally {
      granted?.end()
    }
  }

  /** Finds the entries with an equal answer, and whether it is no single person's. */
  async function compare(
    asked: string,
    said: string,
    match: Match,
    same: readonly Candidate[],
    context: LearningContext,
    granted: Permit,
  ): Promise<{ alike: Candidate[]; own: Verdict | undefined }> {
    const { chosen } = match
    const alike = [...same]
    // Equal words are no single person's if those of an entry are not.
    let own: Verdict | undefined = same.some(({ entry }) => !entry.unchecked) || undefined
    // Equal texts need no judge, but only sampled ones count as labels: others would bias the rate.
    if (chosen !== undefined && same.includes(chosen)) await recordLabel(match, chosen, true, context)
    const others = comparisonCandidates(match, context.plan, same)
    // Alone it is judged where an answer of the same words might have served. Else that can wait until it would serve.
    const isDue = own === undefined && chosen !== undefined && same.includes(chosen)
    const verdicts = others.length > 0 || isDue ? await granted.ask(asked, others, said) : undefined
    own ??= verdicts?.[others.length]
    if (own === true) await context.check?.(same.filter(({ entry }) => entry.unchecked))
    if (own === 'personal') await context.discard?.(same)
    for (const [at, near] of others.entries()) {
      const verdict = verdicts?.[at]
      if (verdict === undefined) continue
      await learnFrom(verdict, match, near, context, near === chosen)
      if (verdict === true) alike.push(near)
    }
    return { alike, own }
  }

  /**
   * Returns the entries that a new answer is compared with: the one that might have served, and the nearest of each
   * other cluster; none if no verdict on them can soon change what is served. Guards do not apply, since answers are
   * compared; they apply again whenever one is to serve.
   */
  function comparisonCandidates(match: Match, plan: SemanticPlan, same: readonly Candidate[]): Candidate[] {
    const { candidates, chosen: candidate } = match
    const clusters = clusterAnswers(candidates.map(({ entry }) => entry))
    const chosen = candidate !== undefined && mayServe(match, plan, figures) ? [candidate] : []
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
    // If one of them may soon serve, all are compared: another answer in a call costs a third of a call.
    const maySoonServe = prospectsOf(candidates, clusters, figures)
    const isWorth =
      hasReachedBar(match) || chosen.some((near) => maySoonServe(clusters[candidates.indexOf(near)]))
    return isWorth ? chosen.filter((near) => !same.includes(near)) : []
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
    const { scope, plan } = context
    const own = calibrations.of(scope, plan)
    const { path, confidence = 0, outcome } = result
    // Evidence are answers that served or would have; the thresholds learn from nearly served ones, too.
    const isEvidence = outcome === 'hit' || outcome === 'shadow-hit'
    if (plan.mode === 'auto' && isEvidence) auto.judged(scope, plan, right)
    const isAgreed = path === 'consensus'
    await calibrations.learn(scope, own, {
      entry: near.entry.id,
      similarity: near.similarity,
      right,
      nearest:
        near === candidates[0] && !(isAgreed && confidence >= calibrations.thresholds(own).minConfidence),
      confidence: isAgreed ? confidence : undefined,
    })
  }

  return {
    /** Loads what other processes have learned. */
    async prepare(scope: CalibrationScope, plan: SemanticPlan): Promise<void> {
      await calibrations.prepare(scope, plan)
    },
    /** Returns error estimate and threshold of each path of an agent, and its state in mode `auto`. */
    known: (agent: string) => ({ ...calibrations.known(agent), auto: auto.known(agent) }),
    /** Learns a label that comes without a call. People choose what they label: only a wrong answer is evidence. */
    async note(scope: CalibrationScope, label: LabelNote): Promise<void> {
      await Promise.all([calibrations.note(scope, label), label.right ? undefined : auto.refuted(scope)])
    },
    find,
    judgeHit,
    place,
    auto,
  }
}

/** Returns the candidates with an equal answer, itself included: a wrong answer is wrong for all of them. */
function sameAnswer({ candidates }: Match, near: Candidate): Candidate[] {
  const clusters = clusterAnswers(candidates.map(({ entry }) => entry))
  const own = clusters[candidates.indexOf(near)]
  return own === undefined ? [near] : candidates.filter((_, at) => clusters[at] === own)
}

/** Tells whether an answer served, or would have but for the mode or a check: labels are a fair sample only if all of these are judged. */
const hasReachedBar = ({ chosen, result }: Match) =>
  chosen !== undefined && result.outcome !== 'below-threshold'

/** Only an answer that may serve at some threshold is worth judging. */
const mayServe = ({ chosen, result }: Match, { judgeFrom }: SemanticPlan, figures: Calibration) =>
  chosen !== undefined &&
  (chosen.similarity >= judgeFrom ||
    (result.path === 'consensus' && isNearlySure(result.confidence ?? 0, figures)))
