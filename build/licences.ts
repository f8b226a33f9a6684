import { readFileSync, writeFileSync } from 'node:fs'

/** Writes the licences of the packages that a build contains into `dist`. @param files licence files, by package in node_modules. */
export function writeLicences(files: Record<string, string | string[]>): void {
  const texts = Object.entries(files).map(([name, file]) => {
    const parts = [file]
      .flat()
      .map((part) => readFileSync(new URL(`../node_modules/${name}/${part}`, import.meta.url), 'utf8').trim())
    return `${name.replace(/^.*node_modules\//, '')}\n\n${parts.join('\n\n')}\n`
  })
  writeFileSync('dist/licences.txt', `This package contains parts of these:\n\n${texts.join('\n---\n\n')}`)
}
