import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Questions with the intent they were asked with: two of one intent are taken to have one answer. */
export type Questions = { name: string; texts: string[]; intents: string[] }
export type Pair = { kind: string; asked: string; cached: string }

const own = fileURLToPath(new URL('../../fixtures/semantic', import.meta.url))
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** Of questions outside of every intent, no two have the same answer. */
const OUT_OF_SCOPE = new Set(['oos', 'NO_NODES_DETECTED'])
/** First lines of the published sets: Banking77, HINT3. */
const HEADS = ['text,category', 'sentence,label']

/** Reads all sets of a folder, in the formats in which their authors publish them; our own set without a folder. */
export function questionsIn(folder: string | undefined): Questions[] {
  if (folder === undefined) return [ownQuestions()]
  const found = readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const text = /\.(csv|json)$/.test(name) ? readFileSync(join(folder, name), 'utf8') : ''
      const rows = name.endsWith('.csv') ? rowsOfCsv(text) : text === '' ? [] : rowsOfJson(JSON.parse(text))
      return rows.length === 0 ? [] : [labelled(name, rows)]
    })
  if (found.length === 0)
    throw new Error(
      `no question set in ${folder}: a csv with ${HEADS.join(' or ')}, or a json of [text, intent]`,
    )
  return found
}

const rowsOfCsv = (text: string): [string, string][] =>
  HEADS.some((head) => text.startsWith(head)) ? csvRows(text).slice(1) : []

/** A list of questions, or CLINC150's object with one list per split: of it the test split, out of scope included. */
function rowsOfJson(content: unknown): [string, string][] {
  if (Array.isArray(content)) return content.filter(isRow)
  const { test, oos_test: outside } = content as Record<string, unknown>
  return [test, outside].flatMap((rows) => (Array.isArray(rows) ? rows.filter(isRow) : []))
}

const isRow = (row: unknown): row is [string, string] =>
  Array.isArray(row) && row.length === 2 && row.every((cell) => typeof cell === 'string')

export function labelled(name: string, rows: [string, string][]): Questions {
  const intents = rows.map(([, intent], at) => (OUT_OF_SCOPE.has(intent) ? `${intent} ${at}` : intent))
  return { name, texts: rows.map(([text]) => text), intents }
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
