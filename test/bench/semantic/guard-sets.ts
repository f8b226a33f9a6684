import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vetoOf } from '#src/semantic/guards/guards.ts'
import { questionOf } from '#src/semantic/guards/question.ts'
import { randomOf } from '../../random.ts'
import {
  type Half,
  ownParaphrases,
  ownQuestions,
  ownTraps,
  type Pair,
  type Questions,
  questionsIn,
  trapsIn,
} from './data.ts'
import { PARAPHRASES, type Rule, TRAPS } from './rewrite.ts'
import { shuffled } from './stream.ts'

/** Pairs that must not share an answer, and pairs that should. */
export type PairSet = { name: string; traps: Pair[]; paraphrases: Pair[] }

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const GUARD_PAIRS = fileURLToPath(new URL('../../fixtures/semantic/guard-pairs.json', import.meta.url))
/** Questions of each set to which rules are applied. */
const REWRITTEN = 1_500

/** Our pairs for guards: of each kind every second one is for tuning, the others are held out. */
export function guardPairs(half: Half): PairSet {
  const {
    traps,
    paraphrases,
  }: Record<'traps' | 'paraphrases', Record<string, [string, string][]>> = json(GUARD_PAIRS)
  const every = half === 'development' ? 0 : 1
  const pairsOf = (kinds: typeof traps) =>
    Object.entries(kinds).flatMap(([kind, pairs]) =>
      pairs.filter((_, at) => at % 2 === every).map(([asked, cached]) => ({ kind, asked, cached })),
    )
  return { name: `own pairs, ${half}`, traps: pairsOf(traps), paraphrases: pairsOf(paraphrases) }
}

/** All sets that need no vectors: ours, those of a folder, and those made by rules. */
export function pairSetsIn(folder: string | undefined): PairSet[] {
  const halves: Half[] = ['development', 'heldOut']
  return [
    ...halves.map((half) => ({
      name: `traps of each guard, ${half}`,
      traps: ownTraps(half),
      paraphrases: ownParaphrases(half),
    })),
    ...halves.map(guardPairs),
    ...shopPairs(folder),
    { name: 'finance_adversarial_pairs', traps: trapsIn(folder), paraphrases: [] },
    rewritten(ownQuestions()),
    ...(folder === undefined ? [] : questionsIn(folder).map((set) => rewritten(set))),
  ].filter(({ traps, paraphrases }) => traps.length + paraphrases.length > 0)
}

function shopPairs(folder: string | undefined): PairSet[] {
  const path = folder && join(folder, 'parts_shop_pairs.json')
  if (!path || !existsSync(path)) return []
  const { traps, paraphrases }: { traps: [string, string, string][]; paraphrases: [string, string][] } =
    json(path)
  return [
    {
      name: 'parts_shop_pairs',
      traps: traps.map(([kind, cached, asked]) => ({ kind, asked, cached })),
      paraphrases: paraphrases.map(([cached, asked]) => ({ kind: 'paraphrase', asked, cached })),
    },
  ]
}

/** What rules make of the questions of a set. */
export function rewritten({ name, texts }: Questions, seed = 7): PairSet {
  const random = randomOf(seed)
  const some = shuffled(texts.length, seed).slice(0, REWRITTEN)
  const made = (rules: readonly Rule[]): Pair[] =>
    some.flatMap((at) =>
      rules.flatMap(({ kind, of }) => {
        const cached = texts[at] ?? ''
        // Commands and questions about the present are refused to all callers.
        const question = questionOf(cached)
        if (vetoOf(question, question) !== undefined) return []
        const asked = of(cached, random)
        return asked === undefined || asked === cached ? [] : [{ kind, asked, cached }]
      }),
    )
  return {
    name: `${name.replace(/\.\w+$/, '')}, by rules`,
    traps: made(TRAPS),
    paraphrases: made(PARAPHRASES),
  }
}
