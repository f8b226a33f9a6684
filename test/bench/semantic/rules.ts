import type { GuardName } from '#src/core/policy.ts'
import { JUDGE } from '#src/policy/semantic-plan.ts'
import { DEFAULT_CALIBRATION } from '#src/semantic/decision/consensus.ts'
import type { Calibration } from '#src/semantic/embedding/embedder.ts'
import { SAVED } from './money.ts'
import { type Fixed, type Outcome, type Product, playFixed, playProduct } from './play.ts'
import type { Curve } from './plot.ts'
import { playLexical, playVCache } from './rivals.ts'
import type { Stream } from './stream.ts'
import { error, printHead, printRow } from './table.ts'

/** Above every cosine, and every confidence. */
export const NEVER = 2

/** Serves the nearest entry from a cosine on. */
const nearestFrom = (bar: number, guards: readonly GuardName[]): Fixed => ({
  threshold: bar,
  minConfidence: NEVER,
  calibration: DEFAULT_CALIBRATION,
  guards,
})

export const point = ({ asked, hits, wrong }: Outcome) => ({
  hitRate: hits / asked,
  error: hits === 0 ? 0 : wrong / hits,
})

/** Rate, most per hour, questions per hour, and what the judge gets wrong. */
const judgesOf = (
  judgeErrs: number,
): [name: string, judge: Omit<Product, 'calibration'>, colour: string][] => [
  ['judge: all', { rate: 1, perHour: 1e9, pace: 100, judgeErrs }, '#0a7d2c'],
  ['judge: a tenth', { rate: 0.1, perHour: 1e9, pace: 100, judgeErrs }, '#e08a00'],
  ['judge: default, 100 asked an hour', { ...JUDGE, pace: 100, judgeErrs }, '#7bbf4b'],
  ['judge: default, 1000 asked an hour', { ...JUDGE, pace: 1_000, judgeErrs }, '#b8a100'],
  ['judge: all, errs in 2 %', { rate: 1, perHour: 1e9, pace: 100, judgeErrs: 0.02 }, '#a03080'],
  ['judge: all, errs in 10 %', { rate: 1, perHour: 1e9, pace: 100, judgeErrs: 0.1 }, '#602050'],
]

/** What the gateway does with its own learner, from the first question on, guards on. */
export async function printGateway(
  stream: Stream,
  title: string,
  { calibration, judgeErrs }: { calibration: Calibration; judgeErrs: number },
): Promise<Curve[]> {
  printHead(title)
  const curves: Curve[] = []
  for (const [name, judge, colour] of judgesOf(judgeErrs)) {
    const outcome = await playProduct(stream, { ...judge, calibration })
    printRow(name, outcome)
    curves.push({ name, colour, points: [point(outcome)] })
  }
  for (const [name, judge] of [
    ['judge: all, embedder not measured', { rate: 1, perHour: 1e9 }],
    ['judge: default, embedder not measured', JUDGE],
  ] as const)
    printRow(name, await playProduct(stream, { ...judge, pace: 100, calibration: undefined }))
  return curves
}

/** Dollars of one answer of the same length: of `gpt-4o-mini`, `gpt-4.1` and `gpt-4o`, September 2026. */
const ANSWERS = [
  ['gpt-4o-mini', SAVED],
  ['gpt-4.1', (350 * 2 + 130 * 8) / 1e6],
  ['gpt-4o', (350 * 2.5 + 130 * 10) / 1e6],
] as const

/** Mode `auto` from the first question on, as answers cost: does it begin to serve, and does it pay? */
export async function printAuto(stream: Stream, calibration: Calibration, judgeErrs: number): Promise<void> {
  console.log('\nmode auto, 100 questions an hour')
  for (const [model, answerUsd] of ANSWERS)
    for (const [name, judge] of [
      ['default', JUDGE],
      ['each', { rate: 1, perHour: 1e9 }],
    ] as const) {
      const outcome = await playProduct(stream, { ...judge, pace: 100, calibration, judgeErrs, answerUsd })
      const { judgements, hits, wrong, servedFrom, auto } = outcome
      const from = servedFrom === undefined ? 'never on' : `on from question ${servedFrom}`
      console.log(
        `  answers of ${model}, ${name}: ${from}, at the end ${auto?.reason}; ${hits} hits, ${error({ hits, wrong })} wrong; ${judgements} judgements; ${auto?.judged} judged, ${auto?.wrong} wrong; $${auto?.savedUsd.toFixed(4)} saved or would have been, $${auto?.spentUsd.toFixed(4)} spent`,
      )
    }
}

/** Other rules on the same questions, the gate included. vCache asks its judge for each question that it does not serve. */
export function printRivals(stream: Stream) {
  printHead('other rules')
  for (const bar of [0.8, 0.85, 0.9, 0.95])
    printRow(`static threshold ${bar}`, playFixed(stream, nearestFrom(bar, [])))
  for (const delta of [0.005, 0.01, 0.02, 0.05])
    printRow(`vCache, at most ${delta} wrong of all`, playVCache(stream, delta))
  for (const bar of [0.5, 0.6, 0.8, 1]) printRow(`words in common (Jaccard) ${bar}`, playLexical(stream, bar))
}
