import type { SemanticPlan } from '#src/core/caller.ts'
import { nanoUsd } from '#src/core/money.ts'
import { GUARD_NAMES, type GuardName } from '#src/core/policy.ts'
import { planOf } from '#src/policy/semantic-plan.ts'
import { type DecisionTerms, decide } from '#src/semantic/decision/decide.ts'
import { createLearner } from '#src/semantic/decision/learner.ts'
import type { Calibration } from '#src/semantic/embedding/embedder.ts'
import { doubtsOf, vetoOf } from '#src/semantic/guards/guards.ts'
import type { Candidate } from '#src/semantic/store/port.ts'
import { randomOf } from '../../random.ts'
import { judgementNano } from './money.ts'
import { nearestIn, type Stream } from './stream.ts'

/** Questions that meet a nearly empty cache. */
export const EARLY = 1_500

type Part = { asked: number; hits: number; wrong: number }

export type Outcome = Part & {
  /** Not looked up by meaning. */
  refused: number
  vetoed: number
  /** Of the hits, those on which several agreed. */
  agreed: number
  agreedWrong: number
  judgements: number
  /** Answers that the judge saw, in all its calls, new ones included. */
  judged: number
  /** The first questions of the stream; the others are the rest. */
  early: Part
  /** The first question that was answered by meaning. */
  servedFrom?: number
}

export const nothing = ({ eligible }: Stream): Outcome => ({
  asked: eligible.length,
  refused: eligible.filter((is) => !is).length,
  hits: 0,
  wrong: 0,
  vetoed: 0,
  agreed: 0,
  agreedWrong: 0,
  judgements: 0,
  judged: 0,
  early: { asked: Math.min(EARLY, eligible.length), hits: 0, wrong: 0 },
})

/** The decision on fixed terms, with answer groups made from the known intents. */
export type Fixed = Pick<DecisionTerms, 'threshold' | 'minConfidence' | 'calibration'> & {
  guards: readonly GuardName[]
  /** In place of the guards' own code, which takes most of the time of a stream. */
  known?: Pick<DecisionTerms, 'vetoOf' | 'doubtOf'>
}

/** Plays the stream against a cache that starts empty. What was served is not stored, as in the gateway. */
export function playFixed(stream: Stream, { guards, known, ...fixed }: Fixed): Outcome {
  const { intents, questions, eligible } = stream
  const outcome = nothing(stream)
  const stored: boolean[] = []
  const terms: DecisionTerms = {
    ...fixed,
    requireConfirmation: false,
    vetoOf: known?.vetoOf ?? ((asked, cached) => vetoOf(asked, cached, guards)),
    doubtOf: known?.doubtOf ?? ((asked, cached) => doubtsOf(asked, cached, guards)),
  }
  for (const [at, asked] of questions.entries()) {
    if (!eligible[at]) continue
    const near = nearestIn(stream, at, (other) => stored[other] === true)
    const decision = decide(
      asked,
      near.flatMap(({ at, similarity }) => {
        const question = questions[at]
        return question ? [{ question, similarity, groups: [intents[at] ?? ''] }] : []
      }),
      terms,
    )
    const served = decision?.serves ? near[decision.index ?? -1] : undefined
    if (served === undefined) {
      const isNear = (near[0]?.similarity ?? 0) >= terms.threshold
      if (decision?.veto && (isNear || decision.confidence >= terms.minConfidence)) outcome.vetoed += 1
      stored[at] = true
      continue
    }
    count(outcome, at, intents[at] === intents[served.at], decision?.path === 'consensus')
  }
  return outcome
}

export type Product = {
  calibration: Calibration | undefined
  rate: number
  perHour: number
  /** Questions in an hour: what `perHour` is held against. */
  pace: number
  /** So often the judge takes a wrong answer for a right one. */
  judgeErrs?: number
  seed?: number
  plan?: Partial<SemanticPlan>
  /** Dollars of one answer: then mode `auto` runs, with its books. */
  answerUsd?: number
}

/** Evidence and balance at the end of a stream. */
type AutoOutcome = { reason: string; judged: number; wrong: number; savedUsd: number; spentUsd: number }

const SCHOOL = { agent: 'agent', name: 'agent', secret: Buffer.alloc(0) }

/**
 * Runs the gateway's own learner from its first question on: it decides, has answers judged by an oracle that knows the
 * intents, forms answer groups, and moves its thresholds.
 */
export async function playProduct(
  stream: Stream,
  { calibration, rate, perHour, pace, judgeErrs = 0, seed = 7, plan: more = {}, answerUsd }: Product,
): Promise<Outcome & { threshold: number; limit: number; auto: AutoOutcome | undefined }> {
  const { intents, texts, eligible } = stream
  const outcome: Outcome = nothing(stream)
  const answerNano = nanoUsd(answerUsd ?? 0)
  const random = randomOf(seed)
  const erring = randomOf(seed + 1)
  const plan = {
    ...planOf([
      {
        semantic: {
          mode: answerUsd === undefined ? 'on' : 'auto',
          judge: { rate, perHour },
          guards: [...GUARD_NAMES],
        },
      },
    ]),
    ...more,
  } as SemanticPlan
  const waiting: Promise<void>[] = []
  let now = 0
  const learner = createLearner({
    shared: undefined,
    calibration,
    random,
    now: () => now,
    wall: () => now,
    track: (work) => void waiting.push(work),
  })
  const entries: Candidate['entry'][] = []
  for (const [at, asked] of texts.entries()) {
    now += 3_600_000 / pace
    if (!eligible[at]) continue
    const neighbours = nearestIn(stream, at, (other) => entries[other] !== undefined).flatMap(
      ({ at, similarity }) => {
        const entry = entries[at]
        return entry ? [{ entry, similarity }] : []
      },
    )
    const judge = async (_asked: string, near: readonly Candidate[], _model: string, fresh?: string) => {
      const shown = near.length + (fresh === undefined ? 0 : 1)
      outcome.judgements += 1
      outcome.judged += shown
      const spent = judgementNano(shown)
      if (plan.mode === 'auto') learner.auto.enter(SCHOOL, plan, { spent, judging: spent, judgements: 1 })
      const verdicts = near.map(({ entry }) => {
        const right = intents[at] === intents[Number(entry.id)]
        return right || erring() < judgeErrs
      })
      // No answer of these sets is one person's.
      return fresh === undefined ? verdicts : [...verdicts, true]
    }
    const check = async (impersonal: readonly Candidate[]) => {
      for (const { entry } of impersonal) delete entry.unchecked
    }
    const prices = async (near: readonly Candidate[], fresh?: string) => ({
      answer: answerNano,
      judgement: judgementNano(near.length + (fresh === undefined ? 0 : 1)),
    })
    const asker = { scope: SCHOOL, plan, judge, prices, check }
    const finding = learner.find(asked, neighbours, SCHOOL, plan)
    const { result: meaning, chosen: candidate } = finding
    if (plan.mode === 'auto' && (meaning.outcome === 'hit' || meaning.outcome === 'shadow-hit'))
      learner.auto.enter(SCHOOL, plan, { saved: answerNano, hits: 1 })
    if (meaning.outcome === 'hit' && candidate !== undefined) {
      outcome.servedFrom ??= at
      learner.judgeHit(asked, finding, asker)
      count(outcome, at, intents[at] === intents[Number(candidate.entry.id)], meaning.path === 'consensus')
    } else {
      if (meaning.outcome === 'veto') outcome.vetoed += 1
      const { groups, verdict } = await learner.place(asked, String(at), finding, asker)
      entries[at] = { ...entryAt(at, asked, groups), ...(verdict !== true && { unchecked: true }) }
    }
    await Promise.all(waiting.splice(0))
  }
  const { nearest, consensus, auto } = learner.known('agent')
  return {
    ...outcome,
    threshold: nearest.threshold,
    limit: consensus.threshold,
    auto: auto && {
      ...auto.sums,
      reason: auto.reason,
      savedUsd: auto.sums.saved / 1e9,
      spentUsd: auto.sums.spent / 1e9,
    },
  }
}

export function count(outcome: Outcome, at: number, right: boolean, agreed = false) {
  for (const part of at < EARLY ? [outcome, outcome.early] : [outcome]) {
    part.hits += 1
    if (!right) part.wrong += 1
  }
  if (agreed) outcome.agreed += 1
  if (agreed && !right) outcome.agreedWrong += 1
}

/** No two answers have the same words: whether they say the same is for the judge to find out. */
function entryAt(at: number, question: string, groups: string[]): Candidate['entry'] {
  const text = JSON.stringify({ choices: [{ message: { content: String(at) } }] })
  const usage = { usage: undefined, estimated: false }
  return {
    id: String(at),
    question,
    groups,
    exact: '',
    pinned: false,
    answer: {
      text,
      usage: usage as never,
      model: '',
      headers: [],
      answerId: undefined,
      untold: false,
      team: '',
      agent: '',
      storedAt: 0,
      freshUntil: Number.POSITIVE_INFINITY,
      keptUntil: Number.POSITIVE_INFINITY,
    },
  }
}
