import { posix } from 'node:path'
import { addressOf } from './pages.ts'

/** Rewrites the links of a page: to other pages by their addresses, to all else in the repository at its host. */
export function withLinks(text: string, file: string, repository: string): string {
  const from = addressOf(file) ?? 'index'
  return text.replace(/\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)/g, (_, target: string, anchor = '') => {
    const path = posix.normalize(posix.join(posix.dirname(file), target))
    const address = addressOf(path)
    if (address === undefined)
      return `](${isPicture(path) ? pictureFrom(from, path) : `${repository}/blob/main/${path}`}${anchor})`
    return `](${relativeTo(from, address)}.md${anchor})`
  })
}

const isPicture = (path: string) => path.endsWith('.svg')
const pictureFrom = (from: string, path: string) => relativeTo(from, path.replace(/^docs\//, ''))

function relativeTo(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to)
  return path.startsWith('.') ? path : `./${path}`
}

/** Returns GitHub's anchor of a heading: links on the pages hold in both places. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
