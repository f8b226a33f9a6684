import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Licences that allow what a build does: use, change and redistribution in closed software, with a notice. */
const ALLOWED = /^(MIT|ISC|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|0BSD|Unlicense)$/

/** Returns the packages of node_modules whose code is in a build, by its source maps. */
export function bundledPackages(folder: string): string[] {
  const names = filesIn(folder)
    .filter((file) => file.endsWith('.map'))
    .flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as { sources: string[] }).sources)
    .map((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))].toSorted()
}

/** Returns what is wrong with the licences of the packages in a build. @param modules the node_modules it came from */
export function licenceProblems(folder: string, modules: string): string[] {
  const text = filesIn(folder).find((file) => file.endsWith('/dist/licences.txt'))
  const listed = text === undefined ? '' : readFileSync(text, 'utf8')
  return bundledPackages(folder).flatMap((name) => {
    const { license } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as {
      license?: string
    }
    return [
      ...(ALLOWED.test(license ?? '') ? [] : [`contains ${name}, whose licence is ${license ?? 'unknown'}`]),
      ...(listed.includes(`\n${name}\n`) ? [] : [`contains ${name}, which dist/licences.txt does not list`]),
    ]
  })
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name).replaceAll('\\', '/'),
  )
