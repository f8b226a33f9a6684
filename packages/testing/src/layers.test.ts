import { readdirSync, readFileSync } from 'node:fs'
import { dirname, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** A file imports only from its own folder and from folders of a lower layer; so neither fake server imports the other. */
const LAYER: Record<string, number> = {
  core: 0,
  'openai/model': 1,
  'openai/endpoints': 2,
  openai: 3,
  langfuse: 3,
  '.': 4,
}

const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/(\.test|test-setup)\.ts$/.test(path))
  .map((path) => ({ path, text: readFileSync(`${import.meta.dirname}/${path}`, 'utf8') }))

/** Folders from which a file imports, types included. */
const importsOf = ({ path, text }: { path: string; text: string }) =>
  [...text.matchAll(/(?:from |import\()'(\.[^']+)'/g)].map(([, to = '']) =>
    dirname(normalize(`${dirname(path)}/${to}`)),
  )

test('each folder has a layer', () => {
  expect([...new Set(sources.map(({ path }) => dirname(path)))].toSorted()).toEqual(
    Object.keys(LAYER).toSorted(),
  )
})

test('a file imports only from its own folder and from lower layers', () => {
  const upward = sources.flatMap((source) => {
    const folder = dirname(source.path)
    return importsOf(source)
      .filter((to) => to !== folder && !((LAYER[to] ?? 9) < (LAYER[folder] ?? 0)))
      .map((to) => `${source.path} imports from ${to}`)
  })
  expect(upward).toEqual([])
})
