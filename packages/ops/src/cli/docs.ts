import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The pages in this package: beside the built program. */
const SHIPPED = new URL('docs/', import.meta.url)

/** Reads a page of this package, such as `errors.md`. */
export const readPage = (name: string): string => readFileSync(new URL(name, SHIPPED), 'utf8')

/**
 * Replaces `docs/` in a text by where the pages are: at the address in `LLM_GATEWAY_DOCS`, else in this package. The page with
 * the details gets a line of its own, as its path is long.
 *
 * @example withDocs('Details: docs/serve.md') // Details: /usr/lib/node_modules/@hotdash/…/dist/docs/serve.md
 */
export function withDocs(text: string, env: NodeJS.ProcessEnv = process.env): string {
  const address = env.LLM_GATEWAY_DOCS
  const place = address ? `${address.replace(/\/$/, '')}/` : fileURLToPath(SHIPPED)
  return text
    .replace(/ Details: (?=docs\/)/g, '\nDetails: ')
    .replace(/(?<![\w/])docs\/(?=[\w-]|$)/gm, () => place)
}
