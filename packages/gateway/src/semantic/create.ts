import type { Call } from '../core/call.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { errorText } from '../util/error-text.ts'
import type { Warn } from '../util/log.ts'
import { createBackendStore } from './backends/store.ts'
import { createLearner } from './decision/learner.ts'
import { createSharedLabels } from './decision/threshold/shared.ts'
import type { SemanticParts } from './lookup.ts'
import type { SemanticSettings } from './options.ts'
import { createAdmin } from './store/admin.ts'
import { createGenerations } from './store/generations.ts'
import type { SemanticStore } from './store/port.ts'
import { createRedisEntries } from './store/redis-entries.ts'
import { createSemanticStore } from './store/store.ts'

export type SemanticCache = ReturnType<typeof createSemanticCache>

type SemanticDeps = {
  settings: SemanticSettings
  /** Team key of the gateway. */
  key: string | undefined
  sharedBytes: number
  /** Whether scripts tell Upstash which keys they lock. */
  keyLocking: boolean
  link: RedisConnection | undefined
  /** Told of what goes on when the caller has its answer. */
  track: (work: Promise<void>) => void
  say: Warn
}

/** Store and learner of one gateway. Everything heavy hangs on this file, which is imported when it is needed. */
export function createSemanticCache(ground: SemanticDeps) {
  const { settings, key, link, track, keyLocking } = ground
  const { secret, maxBytes: _bytes, index: _index, ...rest } = settings
  const { embedder } = rest
  const store = storeOf(ground)
  const shared = link && createSharedLabels(link, keyLocking)
  const learner = createLearner({ shared, calibration: embedder?.calibration, track })
  const secretOf = ({ outbound: outgoing }: Call) =>
    secret ?? key ?? outgoing.headers.get('authorization') ?? undefined
  const parts: SemanticParts = { ...rest, store, learner, secretOf, track }
  return { parts, store, learner }
}

/** In this process and Redis, or in an engine of its own. */
function storeOf({ settings, key, sharedBytes, keyLocking, link, say }: SemanticDeps): SemanticStore {
  const { secret = key, maxBytes, index, embedder, dimensions } = settings
  const dims = embedder?.dimensions ?? dimensions
  const name = index === 'flat' ? index : index.name
  const onTrouble = (error: unknown) => {
    const words = error instanceof Error ? error.message : errorText(error)
    say('semantic index', `semantic cache, ${name}: ${words}`)
  }
  const inRedis = createGenerations(link)
  const admin = link && createAdmin(link, secret, inRedis)
  if (index !== 'flat' && index.type === 'engine') {
    const shelves = index.open({ link, dims, sharedBytes })
    // What stands elsewhere is bound to nothing in Redis.
    const generations = shelves.browse === undefined ? inRedis : createGenerations(undefined)
    return createBackendStore({ shelves, dims, secret, inRedis: admin, generations, link, onTrouble })
  }
  const own = { maxBytes: sharedBytes, onFull: () => undefined, keyLocking, generations: inRedis }
  const shared = link && admin && { link, shelf: createRedisEntries(link, own), admin, generations: inRedis }
  const graph = index === 'flat' ? undefined : index
  return createSemanticStore({ shared, dims, maxBytes, graph, onTrouble })
}
