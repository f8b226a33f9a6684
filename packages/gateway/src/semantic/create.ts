import type { Call } from '../core/call.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { errorText, isInstance } from '../util/error-text.ts'
import { createBackendStore } from './backends/store.ts'
import { createSharedStates } from './decision/auto/shared-states.ts'
import { createLearner } from './decision/learner.ts'
import { createSharedLabels } from './decision/threshold/shared.ts'
import { type AnswerVerdict, learnVerdict } from './labels.ts'
import type { SemanticParts } from './lookup.ts'
import type { SemanticSettings } from './options.ts'
import { createGenerations } from './store/generations.ts'
import type { SemanticStore } from './store/port.ts'
import { createRedisEntries } from './store/redis-entries.ts'
import { createRedisSource } from './store/redis-source.ts'
import { createSemanticStore } from './store/store.ts'

export type SemanticCache = ReturnType<typeof createSemanticCache>

type SemanticDeps = {
  settings: SemanticSettings
  /** Team key of the gateway. */
  key: string | undefined
  sharedBytes: number
  /** Declares each script's keys to Upstash, which then locks those keys and not the whole database. */
  keyLocking: boolean
  redis: RedisConnection | undefined
  /** Called with work that continues after the caller has its answer. */
  track: (work: Promise<void>) => void
  warn: LimitedLog
}

/** Creates the store and the learner of one gateway. Imported on first use, with all modules of the semantic cache. */
export function createSemanticCache(deps: SemanticDeps) {
  const { settings, key, redis, track, keyLocking } = deps
  const { secret, maxBytes: _bytes, index: _index, ...rest } = settings
  const { embedder } = rest
  const store = createStore(deps)
  const shared = redis && createSharedLabels(redis, keyLocking)
  const states = redis && createSharedStates(redis, keyLocking)
  const learner = createLearner({ shared, states, calibration: embedder?.calibration, track })
  const secretOf = ({ outbound }: Call) => secret ?? key ?? outbound.headers.get('authorization') ?? undefined
  const parts: SemanticParts = { ...rest, store, learner, secretOf, track }
  const label = (entry: string, verdict: AnswerVerdict) =>
    learnVerdict(
      {
        store,
        note: learner.note,
        secret: secret ?? key,
        embedder: embedder?.id ?? `${settings.model}/${settings.dimensions}`,
      },
      entry,
      verdict,
    )
  return { parts, store, learner, label }
}

/** Entries are in this process and Redis, or in a vector backend. */
function createStore({ settings, key, sharedBytes, keyLocking, redis, warn }: SemanticDeps): SemanticStore {
  const { secret = key, maxBytes, index, embedder, dimensions } = settings
  const dims = embedder?.dimensions ?? dimensions
  const name = index === 'flat' ? index : index.name
  const onError = (error: unknown) => {
    const message = isInstance(error, Error) ? error.message : errorText(error)
    warn('GW_SEMANTIC_STORE_ERROR', `semantic cache, ${name}: ${message}`)
  }
  const inRedis = createGenerations(redis)
  const source = redis && createRedisSource(redis, secret, inRedis)
  if (index !== 'flat' && index.type === 'backend') {
    const backend = index.open({ redis, dims, sharedBytes })
    // Generations are Redis keys: entries that are not in Redis have only one.
    const generations = backend.scan === undefined ? inRedis : createGenerations(undefined)
    return createBackendStore({ backend, dims, secret, source, generations, redis, keyLocking, onError })
  }
  const own = { maxBytes: sharedBytes, onFull: () => undefined, keyLocking, generations: inRedis }
  const shared = redis &&
    source && { redis, source, entries: createRedisEntries(redis, own), generations: inRedis, keyLocking }
  const graph = index === 'flat' ? undefined : index
  return createSemanticStore({ shared, dims, maxBytes, graph, onError })
}
