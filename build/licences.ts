import { readFileSync, writeFileSync } from 'node:fs'

/** Writes the licences of the packages that a build contains into `dist`. @param files licence files, by package. */
export function writeLicences(files: Record<string, string>): void {
  const texts = Object.entries(files).map(([name, file]) => {
    const text = readFileSync(new URL(`../node_modules/${name}/${file}`, import.meta.url), 'utf8')
    return `${name}\n\n${text.trim()}\n`
  })
  writeFileSync('dist/licences.txt', `This package contains parts of these:\n\n${texts.join('\n---\n\n')}`)
}
