import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** A file imports only from its own folder and from folders of a lower layer. */
const LAYER: Record<string, number> = {
  core: 0,
  util: 1,
  operations: 1,
  redis: 2,
  body: 2,
  tokens: 2,
  egress: 2,
  pricing: 3,
  fingerprint: 3,
  queue: 3,
  policy: 4,
  'cache-entry': 4,
  // Stages: none imports another.
  account: 5,
  identify: 5,
  route: 5,
  'stale-if-error': 5,
  cache: 5,
  coalesce: 5,
  throttle: 5,
  custody: 5,
  quota: 5,
  litellm: 5,
  upstream: 5,
  semantic: 5,
  sinks: 5,
  admin: 6,
  'pipeline.ts': 6,
  config: 6,
  http: 7,
  simulation: 7,
  gateway: 8,
  'client.ts': 9,
  'index.ts': 10,
}
/** The same inside semantic/, whose pure folders know only core/ and util/ besides. */
const SEMANTIC: Record<string, number> = {
  guards: 0,
  index: 0,
  embedding: 0,
  query: 1,
  store: 2,
  judge: 3,
  backends: 3,
  decision: 4,
}
const PURE = ['guards', 'index']

type Source = { path: string; text: string }

const sourcesIn = (folder: string): Source[] => {
  const root = fileURLToPath(new URL(folder, import.meta.url))
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.(test|d)\.ts$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}
const sources = sourcesIn('../packages/gateway/src')
const ops = sourcesIn('../packages/ops/src')
const testing = sourcesIn('../packages/testing/src')

/** Types included: `import type`, `import()` and re-exports count. */
const importsOf = ({ path, text }: Source, kind: 'all' | 'values' = 'all') =>
  [...text.matchAll(/(?:^(?:import|export) (type )?[^;'"]*?from |import\()'(\.[^']+)'/gms)]
    .filter(([, type]) => kind === 'all' || type === undefined)
    .map(([, , to = '']) => normalize(join(dirname(path), to)))
    .filter((to) => to.endsWith('.ts'))

const folderOf = (path: string) => path.split(sep)[0] ?? path

test('every folder of the gateway has a layer', () => {
  expect([...new Set(sources.map(({ path }) => folderOf(path)))].toSorted()).toEqual(
    Object.keys(LAYER).toSorted(),
  )
})

test('a file imports only from its own folder and from lower layers', () => {
  const upward = sources.flatMap((source) =>
    importsOf(source).flatMap((to) => {
      const [from, target] = [folderOf(source.path), folderOf(to)]
      const lower = (LAYER[target] ?? Number.NaN) < (LAYER[from] ?? Number.NaN)
      return from === target || lower ? [] : [`${source.path} imports ${to}`]
    }),
  )
  expect(upward).toEqual([])
})

test('the folders of semantic/ have layers of their own', () => {
  const upward = sources
    .filter(({ path }) => path.startsWith(`semantic${sep}`))
    .flatMap((source) => {
      const from = source.path.split(sep)[1] ?? ''
      if (SEMANTIC[from] === undefined) return []
      return importsOf(source).flatMap((to) => {
        const [folder, target = ''] = to.split(sep)
        if (folder !== 'semantic')
          return PURE.includes(from) && folder !== 'core' && folder !== 'util'
            ? [`${source.path} imports ${to}`]
            : []
        const lower = target === from || (SEMANTIC[target] ?? Number.NaN) < (SEMANTIC[from] ?? Number.NaN)
        return lower ? [] : [`${source.path} imports ${to}`]
      })
    })
  expect(upward).toEqual([])
})

test('a sink backend imports only the shared files of sinks/, sinks/otlp/ and lower layers', () => {
  const backends = new Map<string, number>()
  const sideways = sources
    .filter(({ path }) => path.startsWith(`sinks${sep}`) && path.split(sep).length > 2)
    .flatMap((source) => {
      const backend = source.path.split(sep)[1] ?? ''
      backends.set(backend, (backends.get(backend) ?? 0) + 1)
      const allowed = backend === 'otlp' ? ['otlp'] : [backend, 'otlp']
      return importsOf(source)
        .filter((to) => to.startsWith(`sinks${sep}`) && to.split(sep).length > 2)
        .filter((to) => !allowed.includes(to.split(sep)[1] ?? ''))
        .map((to) => `${source.path} imports ${to}`)
    })
  expect([...backends.keys()].toSorted()).toEqual(['langfuse', 'metrics', 'otel', 'otlp', 'supabase'])
  expect(sideways).toEqual([])
})

test('only the list of backends imports a backend from within sinks/', () => {
  const shared = sources.filter(({ path }) => path.startsWith(`sinks${sep}`) && path.split(sep).length === 2)
  const down = shared.flatMap((source) =>
    importsOf(source)
      .filter((to) => to.startsWith(`sinks${sep}`) && to.split(sep).length > 2)
      .map(() => source.path),
  )
  expect([...new Set(down)]).toEqual([`sinks${sep}built-in.ts`])
})

test('no import goes in a circle, types included', () => {
  for (const [name, files] of Object.entries({ gateway: sources, ops, testing }))
    expect(circlesIn(files), name).toEqual([])
})

/** Files that import each other, directly or through others: each file that reaches itself. */
function circlesIn(files: Source[]): string[] {
  const graph = new Map(files.map((source) => [source.path, importsOf(source)]))
  const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
    (graph.get(from) ?? []).some((to) => {
      if (to === goal) return true
      if (seen.has(to)) return false
      seen.add(to)
      return reaches(to, goal, seen)
    })
  return [...graph.keys()].filter((path) => reaches(path, path))
}

test('the root of the package holds index, client and pipeline', () => {
  expect(sources.map(({ path }) => path).filter((path) => !path.includes(sep))).toEqual(
    expect.arrayContaining(['index.ts', 'client.ts', 'pipeline.ts']),
  )
  expect(sources.filter(({ path }) => !path.includes(sep))).toHaveLength(3)
})

test('an index.ts is an entry point of the package, and no file of the package imports it', () => {
  const entries = sources.map(({ path }) => path).filter((path) => path.endsWith('index.ts'))
  expect(entries.toSorted()).toEqual([
    `admin${sep}index.ts`,
    `custody${sep}index.ts`,
    'index.ts',
    `policy${sep}index.ts`,
  ])
  for (const source of sources)
    for (const to of importsOf(source))
      expect(to.endsWith('index.ts'), `${source.path} imports ${to}`).toBe(false)
})

test('no stage imports another stage; the pipeline imports them all', () => {
  const stages = sources.filter(({ path }) => path.endsWith(`${sep}stage.ts`))
  const pipeline = sources.find(({ path }) => path === 'pipeline.ts')
  expect(pipeline && importsOf(pipeline).filter((to) => to.endsWith(`${sep}stage.ts`))).toHaveLength(
    stages.length,
  )
})

test('fetch is called in six places, and bytes are read in body/ alone', () => {
  const callers = sources
    .filter(({ text }) => /\btransport\(|globalThis\.fetch\(/.test(text))
    .map(({ path }) => path)
  expect(callers.toSorted()).toEqual([
    `http${sep}pass-through.ts`,
    `semantic${sep}embedding${sep}onnx${sep}hub.ts`,
    `sinks${sep}http.ts`,
    `upstream${sep}probe.ts`,
    `upstream${sep}request.ts`,
    `util${sep}supabase-client.ts`,
  ])
  const readers = sources
    .filter(({ text }) => /getReader\(|new ReadableStream|TextDecoder/.test(text))
    .map(({ path }) => path)
  expect(readers.filter((path) => folderOf(path) !== 'body')).toEqual([])
})

test('operations are compared by name in operations/ alone: elsewhere code asks for a fact about one', () => {
  const named = /\boperation [!=]== '(?!other')\w+'/
  const comparing = [...sources].filter(({ text }) => named.test(text)).map(({ path }) => path)
  // Both sum up the cost of the semantic cache's own embeddings.
  expect(comparing.toSorted()).toEqual([`semantic${sep}stats.ts`, `sinks${sep}metrics${sep}counters.ts`])
})

/** Tests, their kits, examples and what builds and checks packages are held to it as well; there are no exceptions. */
const FOLDERS = ['../packages', '../test', '../examples', '../build']

test('no file has more than 300 lines', () => {
  const long = FOLDERS.flatMap((folder) => {
    const root = fileURLToPath(new URL(folder, import.meta.url))
    const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.ts') && !/\b(node_modules|dist)\b/.test(path),
    )
    expect(paths.length, folder).toBeGreaterThan(0)
    return paths.filter((path) => readFileSync(join(root, path), 'utf8').trimEnd().split('\n').length > 300)
  })
  expect(long).toEqual([])
})
