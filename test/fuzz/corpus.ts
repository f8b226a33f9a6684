import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const fileOf = (target: string) => fileURLToPath(new URL(`corpus/${target}.jsonl`, import.meta.url))

/** Reads the inputs of a target: a JSON string a line, each character one byte. */
export function readCorpus(target: string): Buffer[] {
  const file = fileOf(target)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => Buffer.from(JSON.parse(line) as string, 'latin1'))
}

/** Writes them, in an order that changes little when inputs are added. */
export function writeCorpus(target: string, inputs: Buffer[]): void {
  const lines = new Set(inputs.map((input) => lineOf(input)))
  writeFileSync(fileOf(target), [...lines].toSorted().join(''))
}

/** Escapes all that is not printable ASCII: the file is text. */
const lineOf = (input: Buffer) =>
  `${JSON.stringify(input.toString('latin1')).replace(/[\u007f-\uffff]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
