import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Questions with the intent they were asked with: two of one intent are taken to have one answer. */
export type Questions = { name: string; texts: string[]; intents: string[] }
export type Pair = { kind: string; asked: string; cached: string }

const own = fileURLToPath(new URL('../../fixtures/semantic', import.meta.url))
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** The sets that lie in a folder, in the formats in which their authors publish them; ours without one. */
export function questionsIn(folder: string | undefined): Questions[] {
  if (folder === undefined) return [ownQuestions()]
  const found: Questions[] = []
  for (const name of ['banking77_train.csv', 'banking77.csv', 'train.csv', 'test.csv'])
    if (existsSync(join(folder, name)))
      found.push(labelled(name, csvRows(readFileSync(join(folder, name), 'utf8')).slice(1)))
  for (const name of ['clinc150_train.json', 'clinc150.json', 'data_full.json'])
    if (existsSync(join(folder, name))) {
      const content = json(join(folder, name))
      found.push(labelled(name, Array.isArray(content) ? content : content.train))
    }
  if (found.length === 0)
    throw new Error(`no question set in ${folder}: a csv with text,category or a json of [text, intent]`)
  return found
}

export function labelled(name: string, rows: [string, string][]): Questions {
  return { name, texts: rows.map(([text]) => text), intents: rows.map(([, intent]) => intent) }
}

export function ownQuestions(): Questions {
  const intents = Object.entries<string[]>(json(join(own, 'questions.json')))
  return labelled(
    'own questions',
    intents.flatMap(([intent, texts]) => texts.map((text): [string, string] => [text, intent])),
  )
}

/** Everything was made looking at the one, and is judged by the other. */
export type Half = 'development' | 'heldOut'
type Halves = Record<Half, [string, string][]>

export function ownTraps(half: Half): Pair[] {
  const traps = Object.entries<Halves>(json(join(own, 'traps.json')))
  return traps.flatMap(([kind, halves]) => halves[half].map(([asked, cached]) => ({ kind, asked, cached })))
}

export function ownParaphrases(half: Half): Pair[] {
  const pairs: Halves = json(join(own, 'paraphrases.json'))
  return pairs[half].map(([asked, cached]) => ({ kind: 'paraphrase', asked, cached }))
}

/** Pairs of others that must not share an answer, if the folder has them. */
export function trapsIn(folder: string | undefined): Pair[] {
  const path = folder && join(folder, 'finance_adversarial_pairs.json')
  if (!path || !existsSync(path)) return []
  const kinds: { category: string; pairs: { a: string; b: string }[] }[] = json(path)
  return kinds.flatMap(({ category, pairs }) =>
    pairs.map(({ a, b }) => ({ kind: category, asked: a, cached: b })),
  )
}

/** Quotes, doubled quotes and line ends within them. */
export function csvRows(text: string): [string, string][] {
  const rows: [string, string][] = []
  let row: string[] = []
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === ',') continue
    if (row.length > 1) rows.push([row[0]?.trim() ?? '', row[1]?.trim() ?? ''])
    row = []
  }
  return rows
}
