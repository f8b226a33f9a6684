import type { SemanticPlan } from '../../core/caller.ts'
import type { SemanticResult } from '../../core/record.ts'
import { vetoOf } from '../guards/guards.ts'
import { createReader } from '../guards/reader.ts'
import type { PartitionRules } from '../query/partition.ts'
import type { Neighbour } from '../store/port.ts'
import { type CalibrationParts, createAgentCalibration, NEVER, type Thresholds } from './agent-calibration.ts'
import { clusterAnswers, joining, nameOf, sameAs } from './clusters.ts'
import { UNMEASURED } from './consensus.ts'
import { type Decision, decide } from './decide.ts'
import type { Match } from './match.ts'
import { exploration } from './threshold/vcache.ts'

export type Learner = ReturnType<typeof createLearner>

/** Of each cached answer, would it have served? `undefined`: nobody could say. */
export type Judge = (
  asked: string,
  near: readonly Neighbour[],
  model: string,
) => Promise<boolean[] | undefined>

/** A call that asks, by the plan it has now. */
export type Asker = {
  school: PartitionRules
  plan: SemanticPlan
  judge: Judge
  /** Remembers that the answers of these entries are wrong for the question. */
  refute?: (wrong: readonly Neighbour[]) => Promise<void>
}

/** Labels of its own an entry needs before it goes by them. Source: vCache, arXiv 2502.03771. */
const HOT = 4
const MAX_JUDGING = 4
/** Families of answers a fresh one is compared with, in one call of the judge. */
const COMPARED = 12

/** Decides what may serve, and lets a judge correct it. */
export function createLearner({
  random = Math.random,
  ...parts
}: CalibrationParts & { random?: () => number }) {
  const { calibration, track } = parts
  const lessons = createAgentCalibration(parts)
  const read = createReader()
  const measure = calibration ?? UNMEASURED

  /** May any of them serve? `neighbours` in the order of their cosines. */
  function find(
    asked: string,
    found: readonly Neighbour[],
    school: PartitionRules,
    plan: SemanticPlan,
  ): Match {
    const neighbours = unrefuted(found)
    const [nearest] = neighbours
    if (nearest === undefined) {
      const [{ entry, similarity } = {}] = found
      if (entry === undefined || similarity === undefined)
        return { neighbours, meaning: { outcome: 'nothing' } }
      return { neighbours, meaning: { outcome: 'veto', reason: 'refuted', similarity, entry: entry.id } }
    }
    const bars = lessons.bars(lessons.of(school, plan))
    const { similarity } = nearest
    const isFar = similarity < Math.min(plan.band, bars.threshold, measure.floor)
    const decision = isFar ? undefined : decided(asked, neighbours, plan, bars)
    const candidate = decision?.at === undefined ? undefined : neighbours[decision.at]
    const { entry, similarity: cosine } = candidate ?? nearest
    const known = { similarity: cosine, threshold: bars.threshold, entry: entry.id }
    if (decision === undefined) return { neighbours, meaning: { ...known, outcome: 'below' } }
    const { path, confidence, veto } = decision
    const why = path === 'agreement' ? { path, confidence } : { path }
    if (candidate === undefined) {
      const outcome = similarity >= bars.threshold || confidence >= bars.limit ? 'veto' : 'below'
      return { neighbours, meaning: { ...known, ...why, outcome, ...(veto && { reason: veto }) } }
    }
    const outcome = outcomeOf(decision, candidate, plan, bars)
    return { neighbours, candidate, meaning: { ...known, ...why, outcome } }
  }

  function decided(asked: string, neighbours: readonly Neighbour[], plan: SemanticPlan, bars: Thresholds) {
    const near = neighbours.map(({ entry, similarity }) => ({
      question: read(entry.question),
      groups: entry.groups,
      similarity,
    }))
    return decide(read(asked), near, {
      ...bars,
      calibration: measure,
      vetoOf: (asked, cached) => vetoOf(asked, cached, plan.guards),
      secondSighting: plan.secondSighting,
    })
  }

  function outcomeOf(
    { serves, path, confidence }: Decision,
    { entry, similarity }: Neighbour,
    plan: SemanticPlan,
    { limit }: Thresholds,
  ): SemanticResult['outcome'] {
    const isUnproven = limit === NEVER && path === 'agreement' && confidence >= measure.confidence
    if (!serves) return isUnproven ? 'unproven' : 'below'
    // Of an entry that serves on its own much may be known: then it goes by that, too. It can only be asked more of it.
    const own = path === 'alone' ? lessons.sightings(entry.id) : []
    if (own.length >= HOT && random() <= exploration(own, similarity, plan.errorBudget)) return 'explored'
    return plan.mode === 'on' ? 'hit' : 'would-hit'
  }

  /** Has some of what may serve judged, and nothing else made of it. */
  function consider(asked: string, finding: Match, asker: Asker): void {
    const { candidate } = finding
    if (candidate === undefined || !isNear(finding, asker.plan) || !isDrawn(asker.plan)) return
    const asking = judged(asked, [candidate], asker).then(([right] = []) => {
      if (right === undefined) return undefined
      const learning = learn(finding, candidate, right, asker)
      const refuting = right ? undefined : asker.refute?.(likeOf(finding, candidate))
      return Promise.all([learning, refuting]).then(() => undefined)
    })
    track(asking)
  }

  /**
   * The groups of a fresh answer: those of the neighbours that say the same, by their words or by a judge's. What was
   * judged of the neighbour that might have served is a label, too: nothing else tells what serving it would have done.
   */
  async function groupsOf(asked: string, said: string, finding: Match, asker: Asker): Promise<string[]> {
    const { neighbours, candidate } = finding
    const same = neighbours.filter(({ entry }) => sameAs(entry, said))
    const alike = [...same]
    if (isDrawn(asker.plan)) {
      // Of two texts that are the same no judge is needed; but only what was drawn is counted, right or wrong.
      if (candidate !== undefined && same.includes(candidate)) await learn(finding, candidate, true, asker)
      const others = comparable(finding, asker.plan, same)
      const verdicts = await judged(asked, others, asker)
      for (const [at, near] of others.entries()) {
        const right = verdicts?.[at]
        if (right === undefined) continue
        if (!right) await asker.refute?.(likeOf(finding, near))
        if (near === candidate) await learn(finding, near, right, asker)
        if (right) alike.push(near)
      }
    }
    const joined = joining(neighbours, alike)
    return joined.length > 0 ? joined : [nameOf(said)]
  }

  /**
   * Whom a fresh answer is compared with: who might have served, and of each other family the nearest. Guards have no say,
   * since it is answers that are compared; they have it again whenever one of them is to serve.
   */
  function comparable(finding: Match, plan: SemanticPlan, same: readonly Neighbour[]): Neighbour[] {
    const { neighbours, candidate } = finding
    const families = clusterAnswers(neighbours.map(({ entry }) => entry))
    const chosen = candidate !== undefined && isNear(finding, plan) ? [candidate] : []
    const seen = new Set<number | undefined>()
    for (const [at, near] of neighbours.entries())
      if (same.includes(near) || chosen.includes(near)) seen.add(families[at])
    for (const [at, near] of neighbours.entries()) {
      if (chosen.length >= COMPARED || near.similarity < Math.min(plan.band, measure.doubtAt)) break
      if (seen.has(families[at])) continue
      seen.add(families[at])
      chosen.push(near)
    }
    return chosen.filter((near) => !same.includes(near))
  }

  const isDrawn = ({ judge }: SemanticPlan) => judge !== undefined && random() < judge.rate

  async function judged(
    asked: string,
    near: readonly Neighbour[],
    { school, plan, judge }: Asker,
  ): Promise<boolean[] | undefined> {
    const lesson = lessons.of(school, plan)
    if (near.length === 0 || plan.judge === undefined || lesson.judging >= MAX_JUDGING) return undefined
    if (!lesson.mayJudge(plan.judge.perHour)) return undefined
    lesson.judging += 1
    try {
      return await judge(asked, near, plan.judge.model)
    } finally {
      lesson.judging -= 1
    }
  }

  /**
   * A label counts for the way on which its answer served, or would have: those of the one say nothing of the error of
   * the other, and each keeps to the budget, so that both together do.
   */
  async function learn({ meaning, neighbours }: Match, near: Neighbour, right: boolean, asker: Asker) {
    const lesson = lessons.of(asker.school, asker.plan)
    const { path, confidence = 0 } = meaning
    const isAgreed = path === 'agreement'
    await lessons.learn(asker.school, lesson, {
      entry: near.entry.id,
      similarity: near.similarity,
      right,
      alone: near === neighbours[0] && !(isAgreed && confidence >= lessons.bars(lesson).limit),
      confidence: isAgreed ? confidence : undefined,
    })
  }

  return { prepare: lessons.prepare, known: lessons.known, find, consider, groupsOf }
}

/** Without answers that were judged wrong for this question, and those that are known to say the same as one of them. */
function unrefuted(neighbours: readonly Neighbour[]): readonly Neighbour[] {
  if (!neighbours.some(({ refuted }) => refuted)) return neighbours
  const families = clusterAnswers(neighbours.map(({ entry }) => entry))
  const wrong = new Set(families.filter((_, at) => neighbours[at]?.refuted))
  return neighbours.filter((_, at) => !wrong.has(families[at] ?? -1))
}

/** Those around that are known to give the same answer, itself among them: what is wrong of one is wrong of all. */
function likeOf({ neighbours }: Match, near: Neighbour): Neighbour[] {
  const families = clusterAnswers(neighbours.map(({ entry }) => entry))
  const own = families[neighbours.indexOf(near)]
  return own === undefined ? [near] : neighbours.filter((_, at) => families[at] === own)
}

/** Only what may serve one day is worth a judgement. */
const isNear = ({ candidate, meaning }: Match, { band }: SemanticPlan) =>
  candidate !== undefined && (candidate.similarity >= band || meaning.path === 'agreement')
