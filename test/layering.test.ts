import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/**
 * Who may import whom. A room knows the nouns (call.ts), the rooms listed here, and itself; only the pipeline knows
 * all stages, and no stage knows another.
 */
const ROOMS: Record<string, string[]> = {
  account: [
    'body',
    'cache',
    'coalesce',
    'identify',
    'litellm',
    'policy',
    'quota',
    'redis',
    'route',
    'semantic',
    'sinks',
    'upstream',
  ],
  body: ['account'],
  cache: ['account', 'body', 'identify', 'redis'],
  coalesce: ['account', 'body', 'cache', 'redis'],
  custody: ['redis'],
  identify: ['account', 'policy', 'quota', 'semantic'],
  litellm: ['account', 'body', 'cache', 'identify', 'redis'],
  policy: ['redis'],
  quota: ['account', 'body', 'identify', 'redis', 'route'],
  redis: [],
  route: ['body', 'policy'],
  semantic: ['account', 'body', 'cache', 'identify', 'policy', 'redis'],
  sinks: ['account', 'body', 'identify', 'policy', 'redis'],
  stale: ['identify'],
  upstream: ['account', 'body', 'custody', 'identify'],
}
/** Nouns and small things that anybody may use. */
const COMMON = new Set([
  'faults.ts',
  'timers.ts',
  'governed.ts',
  'later.ts',
  'mask.ts',
  'call.ts',
  'json.ts',
  'json-limits.ts',
  'wait.ts',
  'refuse.ts',
  'options-error.ts',
  'reading.ts',
  'say.ts',
  'unexamined.ts',
  'words.ts',
])
const root = fileURLToPath(new URL('../packages/gateway/src', import.meta.url))

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

const importsOf = ({ path, text }: { path: string; text: string }, kind: 'all' | 'values' = 'all') =>
  [...text.matchAll(/^(?:import|export) (type )?[^;]*?from '(\.[^']+)'/gms)]
    .filter(([, type]) => kind === 'all' || type === undefined)
    .map(([, , to = '']) => normalize(join(dirname(path), to)))

const roomOf = (path: string) => (path.includes(sep) ? path.split(sep)[0] : undefined)

test('a room imports only from the rooms it may know', () => {
  for (const source of sources) {
    const room = roomOf(source.path)
    if (room === undefined) continue
    for (const to of importsOf(source)) {
      const other = roomOf(to)
      const allowed = other === undefined ? COMMON.has(to) : other === room || ROOMS[room]?.includes(other)
      expect(allowed, `${source.path} imports ${to}`).toBe(true)
    }
  }
})

test('no stage imports another stage; the pipeline imports them all', () => {
  const stages = sources.filter(({ path }) => path.endsWith(`${sep}stage.ts`))
  for (const stage of stages)
    expect(
      importsOf(stage, 'values').filter((to) => to.endsWith(`${sep}stage.ts`)),
      stage.path,
    ).toEqual([])
  const pipeline = sources.find(({ path }) => path === 'pipeline.ts')
  expect(pipeline && importsOf(pipeline).filter((to) => to.endsWith(`${sep}stage.ts`))).toHaveLength(
    stages.length,
  )
})

test('only the door, the sender and who asks for sinks know fetch; only body/ touches bytes', () => {
  const callers = sources
    .filter(({ text }) => /\btransport\(|globalThis\.fetch\(/.test(text))
    .map(({ path }) => path)
  expect(callers.toSorted()).toEqual([
    'pass-through.ts',
    `sinks${sep}answer.ts`,
    `upstream${sep}ask.ts`,
    `upstream${sep}probe.ts`,
  ])
  const readers = sources
    .filter(({ text }) => /getReader\(|new ReadableStream|TextDecoder/.test(text))
    .map(({ path }) => path)
  expect(readers.filter((path) => roomOf(path) !== 'body')).toEqual([])
})

test("no file is longer than a reader's patience", () => {
  for (const { path, text } of sources) expect(text.split('\n').length, path).toBeLessThanOrEqual(300)
})

const ops = fileURLToPath(new URL('../packages/ops/src', import.meta.url))
const opsSources = readdirSync(ops, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(join(ops, path), 'utf8') }))

test('no command of ops knows another, and nothing below a command knows one', () => {
  for (const source of opsSources)
    for (const to of importsOf(source))
      expect(roomOf(to), `${source.path} imports ${to}`).not.toBe('commands')
})

test('what serves knows the gateway by its fetch alone, and asks nobody else', () => {
  const served = opsSources.filter(({ path }) => roomOf(path) === 'serve')
  for (const { path, text } of served) expect(text, path).not.toMatch(/(?<!gateway\.)\bfetch\(/)
  for (const { path, text } of opsSources) expect(text.split('\n').length, path).toBeLessThanOrEqual(300)
})
