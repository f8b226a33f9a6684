import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A page of the site: where its text is in the repository, and its address without `.html`. */
export type Page = { file: string; address: string; title: string }
export type Group = { title: string; pages: Page[] }

/** Pages outside docs/, by file. */
const ELSEWHERE: Record<string, string> = {
  'README.md': 'index',
  'CHANGELOG.md': 'changelog',
  'AGENTS.md': 'contributing',
  'packages/testing/README.md': 'testing',
  'packages/ops/README.md': 'cli',
}

export function addressOf(file: string): string | undefined {
  const elsewhere = ELSEWHERE[file]
  if (elsewhere !== undefined) return elsewhere
  return /^docs\/.+\.md$/.test(file)
    ? file.slice('docs/'.length, -'.md'.length).replace(/README$/, 'index')
    : undefined
}

/**
 * Reads the groups of the table of documentation in the README, each with its pages in order. A page in a folder of docs/ that
 * the table does not name follows the page of that folder.
 * @throws Error if a page of docs/ would be in no group.
 */
export function groupsOf(root: string): Group[] {
  const read = (file: string) => readFileSync(join(root, file), 'utf8')
  const titleOf = (file: string) => (/^# (.+)$/m.exec(read(file))?.[1] ?? file).replaceAll('`', '')
  const table = read('README.md').split('\n## Documentation\n')[1]?.split('\n## ')[0] ?? ''
  const rows = [...table.matchAll(/^\| (\w+) \| (.+) \|$/gm)].filter(([, topic]) => topic !== 'topic')
  const groups = rows.map(([, title = '', links = '']) => ({
    title: title.replace(/^./, (first) => first.toUpperCase()),
    pages: [...links.matchAll(/\]\(([^)]+\.md)\)/g)].flatMap(([, file = '']) => {
      const address = addressOf(file)
      return address === undefined ? [] : [{ file, address, title: titleOf(file) }]
    }),
  }))
  const named = new Set(groups.flatMap(({ pages }) => pages.map(({ file }) => file)))
  for (const name of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).toSorted()) {
    const file = `docs/${name}`
    const address = addressOf(file)
    if (address === undefined || named.has(file)) continue
    const folder = /^docs\/([^/]+)\//.exec(file)?.[1]
    const group = groups.find(({ pages }) => pages.some((page) => leads(read(page.file), page.file, file)))
    if (folder === undefined || group === undefined)
      throw new Error(`${file} is in no row of the table "Documentation" of README.md`)
    group.pages.push({ file, address, title: titleOf(file) })
  }
  return groups
}

/** Tells whether a page has a link to another file. */
function leads(text: string, from: string, to: string): boolean {
  return [...text.matchAll(/\]\(([^)#\s]+)/g)].some(([, target = '']) => join(from, '..', target) === to)
}
