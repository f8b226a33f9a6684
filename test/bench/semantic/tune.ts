// Chooses an embedder's thresholds on one half of Banking77 and of CLINC150, and shows what they do elsewhere.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { GUARD_NAMES, type GuardName } from '#src/core/policy.ts'
import { upperBound } from '#src/semantic/decision/threshold/bound.ts'
import type { Calibration } from '#src/semantic/embedding/embedder.ts'
import type { Question } from '#src/semantic/guards/guard.ts'
import { doubtsOf, vetoOf } from '#src/semantic/guards/guards.ts'
import { questionsIn } from './data.ts'
import { embedderOf } from './embedders.ts'
import { type Outcome, playFixed } from './play.ts'
import { type Stream, shuffled, streamOf } from './stream.ts'
import { error, share } from './table.ts'
import { vectorsOf } from './vectors.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    model: { type: 'string', default: 'minilm' },
    'model-dir': { type: 'string' },
    packages: { type: 'string' },
    questions: { type: 'string' },
    limit: { type: 'string', default: '5000' },
    goal: { type: 'string', default: '0.007' },
    help: { type: 'boolean', short: 'h', default: false },
    cache: { type: 'string', default: join(tmpdir(), 'gateway-bench-semantic') },
  },
})

if (values.help) {
  console.log(`Chooses an embedder's thresholds: those with most hits on one half of banking77_train.csv and clinc150_train.json.

  node test/bench/semantic/tune.ts --data DIR [--model minilm|local] [--model-dir DIR] [--packages DIR]
                                   [--questions N] [--limit 5000] [--goal 0.007] [--cache DIR]

  --questions  so many questions of each set
  --limit      so many of each half
  --goal       upper bound of wrong answers among the hits of both halves, with 95 % confidence`)
  process.exit(0)
}

/** Upper bound of wrong answers among the hits of all that is chosen on, with 95 % confidence. */
const GOAL = Number(values.goal)
/** Above every cosine, and every confidence. */
const NEVER = 2
const TUNED = ['banking77_train.csv', 'clinc150_train.json']
const steps = (from: number, to: number, by: number) =>
  Array.from(
    { length: Math.round((to - from) / by) + 1 },
    (_, at) => Math.round((from + at * by) * 1000) / 1000,
  )

const embedder = embedderOf(values.model, { folder: values['model-dir'], packages: values.packages })
const chosen: Stream[] = []
const shown: [name: string, stream: Stream][] = []
for (const set of questionsIn(values.data)) {
  const order = shuffled(set.texts.length, 7).slice(0, Number(values.questions ?? set.texts.length))
  const texts = order.map((at) => set.texts[at] ?? '')
  const asked = { name: set.name, texts, intents: order.map((at) => set.intents[at] ?? '') }
  const vectors = await vectorsOf(texts, embedder, values.cache)
  const half = (odd: number) =>
    streamOf(
      asked,
      texts
        .map((_, at) => at)
        .filter((at) => at % 2 === odd)
        .slice(0, Number(values.limit)),
      vectors,
    )
  if (TUNED.includes(set.name)) chosen.push(half(0))
  shown.push(
    TUNED.includes(set.name)
      ? [`${set.name}, other half`, half(1)]
      : [
          set.name,
          streamOf(
            asked,
            texts.map((_, at) => at),
            vectors,
          ),
        ],
  )
}
await embedder.close()

/** Remembers what guards say of a pair, which no threshold changes. */
function remembered<T>(of: (asked: Question, cached: Question, guards: readonly GuardName[]) => T) {
  const known = new Map<Question, Map<Question, { said: T }>>()
  return (asked: Question, cached: Question): T => {
    const own = known.get(asked) ?? new Map<Question, { said: T }>()
    known.set(asked, own)
    const pair = own.get(cached) ?? { said: of(asked, cached, GUARD_NAMES) }
    own.set(cached, pair)
    return pair.said
  }
}
const known = { vetoOf: remembered(vetoOf), doubtOf: remembered(doubtsOf) }

const play = (stream: Stream, calibration: Calibration, path: 'both' | 'nearest' | 'consensus') =>
  playFixed(stream, {
    threshold: path === 'consensus' ? NEVER : calibration.minSimilarity,
    minConfidence: path === 'nearest' ? NEVER : calibration.minConfidence,
    calibration,
    guards: GUARD_NAMES,
    known,
  })
const isGood = (calibration: Calibration, path: 'nearest' | 'consensus') => {
  const outcomes = chosen.map((stream) => play(stream, calibration, path))
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, outcome) => all + of(outcome), 0)
  const hits = sum((outcome) => outcome.hits)
  return (
    hits > 0 &&
    upperBound(
      sum((outcome) => outcome.wrong),
      hits,
    ) <= GOAL
  )
}
const hitRate = (calibration: Calibration) =>
  chosen.reduce((sum, stream) => {
    const { hits, asked } = play(stream, calibration, 'consensus')
    return sum + hits / asked / chosen.length
  }, 0)

const base: Calibration = {
  minSimilarity: 0.97,
  minConfidence: NEVER,
  minConsensusSimilarity: 0,
  bandwidth: 0.1,
  priorSimilarity: 0.6,
}
const minSimilarity =
  steps(0.9, 0.97, 0.01).find((bar) => isGood({ ...base, minSimilarity: bar }, 'nearest')) ?? 0.97
console.log(`minSimilarity ${minSimilarity}`)

const found: { calibration: Calibration; rate: number }[] = []
for (const bandwidth of [0.08, 0.12, 0.16, 0.2])
  for (const priorSimilarity of [0.4, 0.5])
    for (const minConsensusSimilarity of [0.5, 0.6]) {
      const terms = { ...base, minSimilarity, bandwidth, priorSimilarity, minConsensusSimilarity }
      // The lowest good confidence: more are served from there on.
      const minConfidence = steps(0.5, 0.95, 0.05).find((bar) =>
        isGood({ ...terms, minConfidence: bar }, 'consensus'),
      )
      if (minConfidence === undefined) continue
      const calibration = { ...terms, minConfidence }
      found.push({ calibration, rate: hitRate(calibration) })
    }
found.sort((one, other) => other.rate - one.rate)
for (const { calibration, rate } of found.slice(0, 12)) {
  console.log(`\n${share(rate, 1)} hits on the chosen halves: ${JSON.stringify(calibration)}`)
  for (const [name, stream] of shown) {
    const outcome = play(stream, calibration, 'both')
    console.log(
      `  ${name.padEnd(40)}${share(outcome.hits, outcome.asked).padStart(8)}${error(outcome).padStart(20)}`,
    )
  }
}
