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

function withAddresses(page: string, name: string, repository: string): string {
  return page.replace(/\]\((?!https?:|#)([^)\s]+)\)/g, (link, target: string) => {
    const path = normalize(join('docs', dirname(name), target)).replaceAll('\\', '/')
    return path.startsWith('docs/') ? link : `](${repository}/blob/main/${path})`
  })
}
