import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Copies the pages of `docs/`, with their pictures, into a package. Links that leave `docs/` lead to the repository. */
export function copyDocs(from: string, to: string, homepage: string): void {
  const repository = homepage.replace(/#.*$/, '')
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    const target = join(to, name)
    mkdirSync(dirname(target), { recursive: true })
    if (name.endsWith('.md'))
      writeFileSync(target, withAddresses(readFileSync(join(from, name), 'utf8'), name, repository))
    else if (name.endsWith('.svg')) cpSync(join(from, name), target)
  }
}

/** Rewrites the links of pages that leave their folder to addresses of the repository: there is no other page beside them. */
export function linkToRepository(folder: string, placeInDocs: string, homepage: string): void {
  const repository = homepage.replace(/#.*$/, '')
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.md'))) {
    const page = readFileSync(join(folder, name), 'utf8')
    const linked = page.replace(/\]\((\.\.\/[^)\s]+)\)/g, (_, target: string) => {
      const path = normalize(join('docs', placeInDocs, target)).replaceAll('\\', '/')
      return `](${repository}/blob/main/${path})`
    })
    writeFileSync(join(folder, name), linked)
  }
}

function withAddresses(page: string, name: string, repository: string): string {
  return page.replace(/\]\((?!https?:|#)([^)\s]+)\)/g, (link, target: string) => {
    const path = normalize(join('docs', dirname(name), target)).replaceAll('\\', '/')
    return path.startsWith('docs/') ? link : `](${repository}/blob/main/${path})`
  })
}
