import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { GUARD_NAMES, type GuardName } from '#src/core/policy.ts'
import { DEFAULT_CALIBRATION } from '#src/semantic/decision/consensus.ts'
import { upperBound } from '#src/semantic/decision/threshold/bound.ts'
import { areaUnderCurve } from './auc.ts'
import { ownParaphrases, ownTraps, type Questions, questionsIn, trapsIn } from './data.ts'
import { embedderOf } from './embedders.ts'
import { printGuards } from './guard-table.ts'
import { servedAt, type Verdict, verdictsOn } from './pairs.ts'
import { type Fixed, type Outcome, playFixed } from './play.ts'
import { type Curve, plot } from './plot.ts'
import { NEVER, point, printAuto, printGateway, printRivals } from './rules.ts'
import { costs, type Stream, shuffled, streamOf } from './stream.ts'
import { error, share } from './table.ts'
import { vectorsOf } from './vectors.ts'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    guards: { type: 'boolean', default: false },
    limit: { type: 'string' },
    svg: { type: 'string' },
    seed: { type: 'string', default: '7' },
    model: { type: 'string', default: 'local' },
    'model-dir': { type: 'string' },
    packages: { type: 'string' },
    'judge-errs': { type: 'string', default: '0' },
    cache: { type: 'string', default: join(tmpdir(), 'gateway-bench-semantic') },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`How many questions a semantic cache answers, and how many of these wrongly.

  npm run bench:semantic -- [--data DIR] [--guards] [--model minilm --model-dir DIR] [--limit N] [--svg FILE] [--seed 7]
                            [--judge-errs 0.05] [--cache DIR]

  --data        a folder with sets as published: csv with text,category (Banking77) or sentence,label (HINT3), json of
                [text, intent] (CLINC150), finance_adversarial_pairs.json; without it, our own small set. With --guards also
                parts_shop_pairs.json
  --guards      only what each guard vetoes of traps and paraphrases, per set
  --model       local: Universal Sentence Encoder lite; minilm: all-MiniLM-L6-v2 in ONNX
  --model-dir   its folder; without it, it is downloaded
  --packages    a folder from which its packages are loaded, if they are not installed here
  --limit       so many questions of each set
  --svg         a file for the curves; with two sets, one file each
  --judge-errs  the share of wrong answers that the judge takes for right
  --cache       where vectors are kept between runs

Questions come in a shuffled order to a cache that is empty at first. Those that the gateway's gate refuses are asked, and
neither served nor stored. \`The gateway itself\` is its own code: it learns from a judge who knows all answers and is asked as
often as said. The curves are the same decision with fixed bars. Two questions of one intent count as having the same answer,
which is an upper bound on what may be shared. Thresholds of the embedders were chosen on one half of banking77_train.csv and
clinc150_train.json; of these sets the other half is shown, and the whole set apart. All other sets are unseen.`)
  process.exit(0)
}
const NEAREST = [0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99]
const AGREEMENT = [0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.68, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
const GOAL = 0.01
/** What intents cannot judge: an answer out of date, an order carried out once and confirmed twice. */
const BLIND: readonly GuardName[] = ['freshness', 'actions']

const embedder = embedderOf(values.model, { folder: values['model-dir'], packages: values.packages })
const CALIBRATION = embedder.calibration ?? DEFAULT_CALIBRATION
const terms = { calibration: CALIBRATION, judgeErrs: Number(values['judge-errs']) }

type Rule = 'nearest' | 'consensus'
/** The one way to serve without the other: the nearest from a cosine on, or those who agree from a confidence on. */
const only = (rule: Rule, bar: number, guards: readonly GuardName[]): Fixed => ({
  threshold: rule === 'nearest' ? bar : NEVER,
  minConfidence: rule === 'consensus' ? bar : NEVER,
  calibration: CALIBRATION,
  guards,
})

function limited({ name, texts, intents }: Questions): Questions {
  const order = shuffled(texts.length, Number(values.seed)).slice(0, Number(values.limit ?? texts.length))
  return { name, texts: order.map((at) => texts[at] ?? ''), intents: order.map((at) => intents[at] ?? '') }
}

/** Sets of which one half chose the embedders' thresholds. */
const TUNED = new Set(['banking77_train.csv', 'clinc150_train.json'])

async function measure(set: Questions) {
  const vectors = await vectorsOf(set.texts, embedder, values.cache)
  const every = set.texts.map((_, at) => at)
  const half = (odd: number) =>
    streamOf(
      set,
      every.filter((at) => at % 2 === odd),
      vectors,
    )
  const whole = streamOf(set, every, vectors)
  const isTuned = TUNED.has(set.name)
  const held = isTuned ? half(1) : whole
  const area = areaUnderCurve(whole, vectors)
  const refused = whole.eligible.filter((is) => !is).length
  console.log(
    `\n# ${set.name}: ${set.texts.length} questions, ${new Set(set.intents).size} intents; ${share(refused, every.length)} refused by the gate; AUC ${area.any.toFixed(3)}, of pairs with words in common ${area.alike.toFixed(3)}`,
  )
  const product = await printGateway(
    held,
    isTuned ? 'the gateway itself, half that nothing was chosen on' : 'the gateway itself',
    terms,
  )
  if (isTuned) await printGateway(whole, 'the gateway itself, whole set', terms)
  await printAuto(held, terms.calibration, terms.judgeErrs)
  printRivals(held)
  const curves = [
    ...curvesOf(held, 'nearest', 'nearest neighbour, by cosine', NEAREST, ['#999', '#555']),
    ...curvesOf(held, 'consensus', 'consensus of those around, by confidence; all groups known', AGREEMENT, [
      '#6ab0f3',
      '#0b5cad',
    ]),
    ...product,
  ]
  blindSpots(held)
  heldOut(half(0), half(1))
  printCosts(held)
  if (values.svg === undefined) return
  const path =
    values.data === undefined
      ? values.svg
      : values.svg.replace(/(\.svg)?$/, `-${set.name.replace(/(_train)?\.\w+$/, '')}.svg`)
  writeFileSync(path, plot(`${set.name}: hits and wrong hits`, curves))
  console.log(`\ncurves: ${path}`)
}

function curvesOf(stream: Stream, rule: Rule, title: string, bars: number[], colours: string[]): Curve[] {
  console.log(
    `\n${title}\n${'from'.padEnd(12)}${'guards off: hits'.padStart(18)}${'wrong [95%]'.padStart(22)}${'guards on: hits'.padStart(20)}${'wrong [95%]'.padStart(22)}${'vetoed'.padStart(10)}`,
  )
  const rows = bars.map((bar) => {
    const [off, on] = [
      playFixed(stream, only(rule, bar, [])),
      playFixed(stream, only(rule, bar, GUARD_NAMES)),
    ]
    console.log(
      `${bar.toFixed(2).padEnd(12)}${share(off.hits, off.asked).padStart(18)}${error(off).padStart(22)}${share(on.hits, on.asked).padStart(20)}${error(on).padStart(22)}${share(on.vetoed, on.asked).padStart(10)}`,
    )
    return { off, on }
  })
  return (['off', 'on'] as const).map((which, at) => ({
    name: `${rule}, guards ${which}`,
    colour: colours[at] ?? '#000',
    points: rows.map((row) => point(row[which])),
  }))
}

/** Without the guards of which intents know nothing: what the others cost. */
function blindSpots(stream: Stream) {
  const guards = GUARD_NAMES.filter((name) => !BLIND.includes(name))
  const outcome = playFixed(stream, only('consensus', CALIBRATION.minConfidence, guards))
  console.log(
    `\nconsensus at ${CALIBRATION.minConfidence}, guards on but ${BLIND.join(' and ')}: ${told(outcome)}`,
  )
}

/** The bar is chosen on one half of the questions, and judged by the other. */
function heldOut(development: Stream, held: Stream) {
  console.log(
    `\nchosen on the development half, so that with 95 % certainty <= ${GOAL * 100}% are wrong; measured on the held-out half`,
  )
  for (const [rule, bars] of [
    ['nearest', NEAREST],
    ['consensus', AGREEMENT],
  ] as const)
    for (const [name, guards] of [
      ['off', []],
      ['on', GUARD_NAMES],
    ] as const) {
      const chosen = bars.find((bar) => {
        const { hits, wrong } = playFixed(development, only(rule, bar, guards))
        return hits > 0 && upperBound(wrong, hits) <= GOAL
      })
      const outcome =
        chosen === undefined
          ? 'no threshold is good enough'
          : `at ${chosen.toFixed(2)}: ${told(playFixed(held, only(rule, chosen, guards)))}`
      console.log(`  ${rule.padEnd(10)} guards ${name.padEnd(4)} ${outcome}`)
    }
  const shipped = {
    threshold: CALIBRATION.minSimilarity,
    minConfidence: CALIBRATION.minConfidence,
    calibration: CALIBRATION,
    guards: GUARD_NAMES,
  }
  console.log(`  what ships, held-out half:     ${told(playFixed(held, shipped))}`)
  console.log(`  what ships, development half:  ${told(playFixed(development, shipped))}`)
}

function printCosts(stream: Stream) {
  const threshold = 0.85
  const found = costs(stream, threshold)
  const all = found.get('all hits') ?? { right: 0, wrong: 0 }
  console.log(
    `\nwhat each guard, alone, vetoes of the nearest at ${threshold}: ${all.right} right, ${all.wrong} wrong`,
  )
  for (const name of GUARD_NAMES) {
    const { right, wrong } = found.get(name) ?? { right: 0, wrong: 0 }
    console.log(
      `  ${name.padEnd(12)} ${share(right, all.right).padStart(7)} of the right, ${share(wrong, all.wrong).padStart(7)} of the wrong`,
    )
  }
}

async function pairs() {
  const thresholds = [0.7, 0.8, 0.85, 0.9, 0.95, CALIBRATION.minSimilarity]
  const head = thresholds.map((at) => at.toFixed(2).padStart(12)).join('')
  console.log(
    `\n# Pairs, each alone in the cache: served with guards off / on, by cosine\n\n${''.padEnd(34)}${'pairs'.padStart(6)}${'vetoed'.padStart(8)}${head}`,
  )
  const embed = embedder.embed
  const line = (name: string, verdicts: Verdict[]) => {
    const cells = thresholds.map((at) => {
      const { off, on } = servedAt(verdicts, at)
      return `${off} / ${on}`.padStart(12)
    })
    const vetoed = verdicts.filter(({ veto }) => veto !== undefined).length
    console.log(
      `${name.slice(0, 33).padEnd(34)}${String(verdicts.length).padStart(6)}${String(vetoed).padStart(8)}${cells.join('')}`,
    )
  }
  const foreign = await verdictsOn(trapsIn(values.data), embed)
  if (foreign.length > 0) {
    line('finance_adversarial_pairs.json', foreign)
    reasons(foreign)
  }
  for (const half of ['development', 'heldOut'] as const) {
    const traps = await verdictsOn(ownTraps(half), embed)
    for (const kind of new Set(traps.map((trap) => trap.kind)))
      line(
        `trap, ${half}: ${kind}`,
        traps.filter((trap) => trap.kind === kind),
      )
    line(`traps, ${half}: all`, traps)
    reasons(traps)
    const kept = await verdictsOn(ownParaphrases(half), embed)
    line(`paraphrases, ${half}`, kept)
    reasons(kept)
  }
}

function reasons(verdicts: readonly Verdict[]) {
  const counts = GUARD_NAMES.map(
    (name) => [name, verdicts.filter(({ veto }) => veto === name).length] as const,
  )
  console.log(
    `    vetoed by: ${
      counts
        .filter(([, count]) => count > 0)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ') || 'none'
    }`,
  )
}

const told = (outcome: Outcome) =>
  `${share(outcome.hits, outcome.asked)} hits, ${error(outcome)} wrong of ${outcome.hits}`

if (values.guards) await printGuards(values.data, embedder, values.cache)
else {
  for (const set of questionsIn(values.data)) await measure(limited(set))
  await pairs()
}
await embedder.close()
