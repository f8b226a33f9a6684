import { readdirSync, readFileSync } from 'node:fs'
import { dirname, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { commands } from './commands.ts'

/** A file imports only from its own folder and from folders of a lower layer; so no command imports another. */
const LAYER: Record<string, number> = {
  core: 0,
  cli: 1,
  config: 1,
  smtp: 2,
  alerting: 2,
  'live-policy': 2,
  supabase: 2,
  deployment: 2,
  page: 2,
  cache: 3,
  completion: 3,
  deploy: 3,
  doctor: 3,
  errors: 3,
  init: 3,
  keys: 3,
  'litellm-config': 3,
  monitor: 3,
  policy: 3,
  quota: 3,
  report: 3,
  secrets: 3,
  semantic: 3,
  serve: 3,
  silence: 3,
  simulate: 3,
  switch: 3,
  usage: 3,
  top: 3,
  'commands.ts': 4,
  'main.ts': 5,
}

const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(`${import.meta.dirname}/${path}`, 'utf8') }))

/** Relative imports of a file, types included, as paths below `src`. */
const importsOf = ({ path, text }: { path: string; text: string }) =>
  [...text.matchAll(/(?:from |import\()'(\.[^']+)'/g)].map(([, to = '']) =>
    normalize(`${dirname(path)}/${to}`),
  )

const folderOf = (path: string) => path.split('/', 1)[0] ?? ''

test('each folder has a layer, and each command a folder of its name', () => {
  expect([...new Set(sources.map(({ path }) => folderOf(path)))].toSorted()).toEqual(
    Object.keys(LAYER).toSorted(),
  )
  const names = sources.flatMap(({ path }) => /^([^/]+)\/command\.ts$/.exec(path)?.[1] ?? [])
  expect(names.filter((name) => name !== 'core').toSorted()).toEqual(Object.keys(commands).toSorted())
})

test('a file imports only from its own folder and from lower layers', () => {
  const upward = sources.flatMap((source) =>
    importsOf(source)
      .filter((to) => folderOf(to) !== folderOf(source.path))
      .filter((to) => !((LAYER[folderOf(to)] ?? 9) < (LAYER[folderOf(source.path)] ?? 0)))
      .map((to) => `${source.path} imports ${to}`),
  )
  expect(upward).toEqual([])
})

test('the server sends requests by gateway.fetch only', () => {
  const served = sources.filter(({ path }) => folderOf(path) === 'serve')
  expect(served.length).toBeGreaterThan(10)
  for (const { path, text } of served) expect(text, path).not.toMatch(/(?<!gateway\.)\bfetch\(/)
})

test('no file is longer than 300 lines', () => {
  for (const { path, text } of sources) expect(text.split('\n').length, path).toBeLessThanOrEqual(300)
})
