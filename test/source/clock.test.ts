import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../packages/gateway/src', import.meta.url))

/**
 * Files that read the time of day, by what for. A clock can be set back by hours: what lasts for a while is measured with
 * `performance.now()`.
 */
const TIME_OF_DAY = {
  'what processes tell each other, and what expires in all of them': [
    'cache/memory-store.ts',
    'cache/redis-store.ts',
    'cache/stage.ts',
    'cache/stale-fallback.ts',
    'cache/tiered-store.ts',
    'cache-entry/create.ts',
    'cache-entry/epoch.ts',
    'cache-entry/fits-call.ts',
    'cache-entry/hit.ts',
    'cache-entry/put.ts',
    'semantic/backends/pgvector.ts',
    'semantic/backends/source.ts',
    'semantic/backends/store.ts',
    'semantic/backends/vector-sets.ts',
    'semantic/store/partitions.ts',
    'semantic/store/redis-entries.ts',
    'semantic/store/redis-source.ts',
    'semantic/store/store.ts',
    'semantic/store/sync.ts',
    'semantic/decision/auto/auto.ts',
    'semantic/decision/learner.ts',
    'sinks/metrics/sink.ts',
  ],
  'days and dates': [
    'quota/memory.ts',
    'quota/redis/books.ts',
    'quota/redis/quota.ts',
    'throttle/retry-after.ts',
    'util/retry-after.ts',
  ],
  'what people read': [
    'admin/index.ts',
    'core/call-state.ts',
    'custody/admin.ts',
    'gateway/identity.ts',
    'http/pass-through.ts',
    'policy/live/admin.ts',
    'policy/live/follow.ts',
    'redis/connection.ts',
    'redis/pool.ts',
    'sinks/metrics/read.ts',
  ],
}

test('a file that begins to read the time of day says what for: a clock that is set back must stop nothing', () => {
  const reading = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .filter((path) => /\bDate\.now\b|new Date\(\)/.test(readFileSync(`${root}/${path}`, 'utf8')))
    .map((path) => path.replaceAll('\\', '/'))
  expect(reading.toSorted()).toEqual(Object.values(TIME_OF_DAY).flat().toSorted())
})
