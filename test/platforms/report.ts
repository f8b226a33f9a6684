import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PAGE = fileURLToPath(new URL('../../docs/publishing/tested.md', import.meta.url))
const HEAD = '| part | case | result |\n|---|---|---|\n'

/**
 * Writes what a run saw into the page of tested combinations, in place of the table under a heading.
 *
 * @param heading of a section of the page that has a table and a line that begins with "Run with"
 * @param rows part, case, result
 * @throws Error where the page has no such section
 */
export function writeTable(heading: string, rows: string[][]): void {
  const page = readFileSync(PAGE, 'utf8')
  const sections = page.split(/^(?=## )/m)
  const at = sections.findIndex((section) => section.startsWith(`## ${heading}\n`))
  const text = sections[at]?.split(/^(?=Run with )/m)[0]
  if (text === undefined) throw new Error(`${PAGE} has no section "${heading}"`)
  const table = `${HEAD}${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
  const machine = `Run with Node ${process.versions.node} on ${process.platform} ${process.arch}.`
  sections[at] = `${text}${machine}\n\n${table}${at === sections.length - 1 ? '' : '\n'}`
  writeFileSync(PAGE, sections.join(''))
}
