import { GUARD_NAMES, type GuardName } from '#src/core/policy.ts'
import type { Embedder } from '#src/semantic/embedding/embedder.ts'
import { CALIBRATION } from '#src/semantic/embedding/local.ts'
import { doubtsOf, vetoOf } from '#src/semantic/guards/guards.ts'
import { questionOf } from '#src/semantic/guards/question.ts'
import type { Pair } from './data.ts'
import { pairSetsIn } from './guard-sets.ts'
import { vectorsOf } from './vectors.ts'

/** Pairs of each set that get vectors, to tell what is served. */
const EMBEDDED = 250

export type Verdicts = { vetoed: number; doubted: number; alone: ReadonlyMap<GuardName, number>; of: number }

/** How many pairs the guards veto together, only doubt, and veto each for itself. */
export function verdictsOfGuards(pairs: readonly Pair[]): Verdicts {
  const alone = new Map<GuardName, number>(GUARD_NAMES.map((name) => [name, 0]))
  let [vetoed, doubted] = [0, 0]
  for (const pair of pairs) {
    const [asked, cached] = [questionOf(pair.asked), questionOf(pair.cached)]
    for (const name of GUARD_NAMES)
      if (vetoOf(asked, cached, [name]) !== undefined) alone.set(name, (alone.get(name) ?? 0) + 1)
    if (vetoOf(asked, cached) !== undefined) vetoed += 1
    else if (doubtsOf(asked, cached) > 0) doubted += 1
  }
  return { vetoed, doubted, alone, of: pairs.length }
}

/** How many of some pairs are served at the threshold of the local embedder, each alone in the cache. */
async function served(pairs: readonly Pair[], embedder: Embedder, folder: string) {
  const some = pairs.slice(0, EMBEDDED)
  const vectors = await vectorsOf(
    some.flatMap(({ asked, cached }) => [asked, cached]),
    embedder,
    folder,
  )
  const { dimensions } = embedder
  let [off, on] = [0, 0]
  for (const [at, pair] of some.entries()) {
    let similarity = 0
    for (let place = 0; place < dimensions; place += 1)
      similarity +=
        (vectors[2 * at * dimensions + place] ?? 0) * (vectors[(2 * at + 1) * dimensions + place] ?? 0)
    if (similarity < CALIBRATION.minSimilarity) continue
    off += 1
    const [asked, cached] = [questionOf(pair.asked), questionOf(pair.cached)]
    const needed = 1 - (1 - CALIBRATION.minSimilarity) / 2 ** doubtsOf(asked, cached)
    if (vetoOf(asked, cached) === undefined && similarity >= needed) on += 1
  }
  return `${share(off, some.length)} / ${share(on, some.length)}`
}

/** Prints what guards cost and catch, per set, and what each does alone. */
export async function printGuards(data: string | undefined, embedder: Embedder, folder: string) {
  const sets = pairSetsIn(data)
  const verdicts = sets.map(({ traps, paraphrases }) => ({
    traps: verdictsOfGuards(traps),
    paraphrases: verdictsOfGuards(paraphrases),
  }))
  console.log(
    `| set | traps | vetoed % | doubted % | served %, guards off / on | paraphrases | vetoed % | doubted % | served %, guards off / on |\n|---|---|---|---|---|---|---|---|---|`,
  )
  for (const [at, set] of sets.entries()) {
    const { traps, paraphrases } = verdicts[at] as (typeof verdicts)[number]
    const cells = [
      ...cellsOf(traps, await served(set.traps, embedder, folder)),
      ...cellsOf(paraphrases, await served(set.paraphrases, embedder, folder)),
    ]
    console.log(`| ${set.name} | ${cells.join(' | ')} |`)
  }
  console.log(
    `\nEach guard alone: paraphrases vetoed % / traps caught % / precision % where both kinds are equally many\n\n| guard | ${sets.map(({ name }) => name).join(' | ')} |\n|---|${sets.map(() => '---|').join('')}`,
  )
  for (const name of GUARD_NAMES) {
    const cells = verdicts.map(({ traps, paraphrases }) => {
      const [cost, caught] = [rate(paraphrases, name), rate(traps, name)]
      const precision = cost + caught === 0 ? '–' : ((100 * caught) / (cost + caught)).toFixed(0)
      return cost + caught === 0 ? '–' : `${cost.toFixed(1)} / ${caught.toFixed(1)} / ${precision}`
    })
    console.log(`| \`${name}\` | ${cells.join(' | ')} |`)
  }
}

const cellsOf = ({ of, vetoed, doubted }: Verdicts, serving: string) =>
  of === 0 ? ['–', '', '', ''] : [String(of), share(vetoed, of), share(doubted, of), serving]
const rate = ({ alone, of }: Verdicts, name: GuardName) =>
  of === 0 ? 0 : (100 * (alone.get(name) ?? 0)) / of
const share = (part: number, of: number) => (of === 0 ? '–' : ((100 * part) / of).toFixed(1))
