import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'
import { leftOut } from './test/redis/server.ts'
import { TEST_TIMEOUT_MS } from './test/runs.ts'

/** Workers and the programs that tests start keep compiled code: their start takes a third less CPU time. */
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/node-compile')

/** Imports Lua scripts as text, as tsup does for the package. */
const lua = {
  name: 'lua-as-text',
  load: (id: string) =>
    id.endsWith('.lua') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined,
}

/** What the compiler of TypeScript says of the sources: part of `npm run lint`, and of no group of tests. */
const TYPES = ['test/source/foreign.test.ts', 'test/agent-types.test.ts', 'test/page-code.test.ts']
/** Many processes, many runs of a generator, or faults at each point of the code. */
const STRESS = [
  'test/client/matrix.test.ts',
  'test/conformance/hostile-*.test.ts',
  'test/cost-day.test.ts',
  'test/demo-sinks.test.ts',
  'test/faults/**/*.test.ts',
  'test/langfuse/{exit,many}.test.ts',
  'test/live/{modes,processes}.test.ts',
  'test/money/books.test.ts',
  'test/redis/{burst,cost-day,demo,fleet,flight,half-characters,quota-processes}.test.ts',
  'test/redis/{semantic-hostile-*,semantic-leak,silent}.test.ts',
  'test/report/{figures,page}.test.ts',
  'test/sinks-growth.test.ts',
  'test/supabase/{outage,sums,tiles}.test.ts',
]
/** Commands, packages and documents: real programs. */
const CLI = [
  'test/{infra,monitor,ops,report,top}/**/*.test.ts',
  'test/dist.test.ts',
  'test/serve/**/*.test.ts',
  'test/live/{command-*,serve}.test.ts',
  'test/{api,docs,errors,glossary,layering,lazy-modules,litellm-config,modules,top-level-await,words}.test.ts',
]
const REDIS = [
  'test/fuzz/**/*.test.ts',
  'test/redis/**/*.test.ts',
  'test/live/**/*.test.ts',
  'test/keys/**/*.test.ts',
]
const SINKS = ['test/{langfuse,supabase}/**/*.test.ts', 'test/{otel,sinks*}.test.ts']
/** The real client against the fake upstream. */
const CONTRACT = ['test/**/*.test.ts']

/**
 * Projects whose files change nothing that outlives them: they share processes and modules, and Node loads and compiles those
 * once a worker.
 */
const SHARED = ['unit', 'contract', 'redis']

/** Each project takes the files that none before it has taken. */
const projects = Object.entries({
  unit: ['packages/*/src/**/*.test.ts'],
  types: TYPES,
  stress: STRESS,
  cli: CLI,
  sinks: SINKS,
  redis: REDIS,
  contract: CONTRACT,
}).map(([name, include], at, all) => ({
  extends: true as const,
  test: {
    name,
    include,
    isolate: !SHARED.includes(name),
    exclude: [...configDefaults.exclude, ...leftOut(), ...all.slice(1, at).flatMap(([, taken]) => taken)],
  },
}))

export default defineConfig({
  plugins: [lua],
  test: {
    projects,
    globalSetup: ['test/redis/global-setup.ts'],
    setupFiles: ['test/setup.ts'],
    sequence: { sequencer: LongestFirst },
    maxWorkers: Math.max(8, Math.min(12, availableParallelism())),
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    expect: { poll: { timeout: 120_000 } },
    execArgv: ['--expose-gc'],
  },
})
