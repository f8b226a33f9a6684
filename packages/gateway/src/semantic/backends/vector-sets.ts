import type { RedisConnection } from '../../redis/connection.ts'
import { createMemoryBudget } from '../../redis/memory-budget.ts'
import { errorText, isInstance } from '../../util/error-text.ts'
import type { VectorBackend, VectorBackendFactory } from './port.ts'

/** `EF`: nodes that a search visits. A higher value finds the nearest more often and takes longer. */
const EXPLORED = '200'
/** Extra candidates, since entries of some may be gone. */
const MORE = 8
const GRACE_MS = 60_000

/**
 * Stores the semantic cache in the vector sets of Redis 8 (not available on Upstash): for more entries than one
 * process holds, in a Redis with enough memory. Uses the connection of `gateway.redis`.
 *
 * @example
 * import { createVectorSetIndex } from '@hotdash/llm-gateway/vector-sets'
 * createGatewayClient({ gateway: { redis, cache: { semantic: { index: createVectorSetIndex() } } } })
 */
export const createVectorSetIndex = (): VectorBackendFactory => ({
  type: 'backend',
  name: 'vector sets',
  open: ({ redis, sharedBytes }) => (redis === undefined ? unconfigured : backendOver(redis, sharedBytes)),
})

/** One vector set per partition; entries are ordinary values beside it. */
function backendOver(redis: RedisConnection, maxBytes: number): VectorBackend {
  const budget = createMemoryBudget(redis, maxBytes, () => undefined)
  const setOf = (partition: string) => `${partition}:v`

  async function call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown> {
    try {
      return await redis.run((client) => client.call(command, ...args))
    } catch (error) {
      throw /unknown command/i.test(errorText(error))
        ? new Error('this Redis has no vector sets; they are there from version 8 on')
        : error
    }
  }

  async function likely(partition: string, vector: Int8Array, count: number): Promise<string[]> {
    // Only numbers are interpolated, so the filter cannot be injected into.
    const filter = `.e > ${Math.floor(Date.now())}`
    const wanted = ['COUNT', count + MORE, 'EF', EXPLORED, 'FILTER', filter]
    try {
      const ids = await call('VSIM', setOf(partition), 'FP32', floatsOf(vector), ...wanted)
      return Array.isArray(ids) ? [...new Set(ids.filter((id) => typeof id === 'string'))] : []
    } catch (error) {
      // The key holds another type, or vectors of another length: this partition has no results.
      if (isReply(error)) return []
      throw error
    }
  }

  return {
    async nearest(partition, vector, count) {
      const ids = await likely(partition, vector, count)
      if (ids.length === 0) return []
      const keys = ids.map((id) => `${partition}:${id}`)
      const values = await redis.run((client) => client.mgetBuffer(...keys))
      const gone = ids.filter((_, at) => values[at] == null)
      // Vectors without an entry, purged or expired, are removed.
      for (const id of gone) call('VREM', setOf(partition), id).catch(() => undefined)
      return ids.flatMap((id, at) => {
        const value = values[at]
        return value == null ? [] : [{ id, value }]
      })
    },
    async get({ partition, id }) {
      const [value] = await redis.run((client) => client.mgetBuffer(`${partition}:${id}`))
      return value ?? undefined
    },
    async put({ partition, id, vector, value, expires }) {
      if (!(await budget.hasRoom(value.length + vector.length))) return false
      const keptMs = Math.ceil(expires - Date.now())
      const set = setOf(partition)
      try {
        await redis.run((client) => client.set(`${partition}:${id}`, value, 'PX', keptMs))
        await call(
          'VADD',
          set,
          'FP32',
          floatsOf(vector),
          id,
          'Q8',
          'SETATTR',
          JSON.stringify({ e: Math.floor(expires) }),
        )
        // The set lives at least as long as its longest-lived entry, pinned ones included.
        const left = Number(await redis.run((client) => client.pttl(set)))
        if (left < keptMs + GRACE_MS / 2) await redis.run((client) => client.pexpire(set, keptMs + GRACE_MS))
        return true
      } catch (error) {
        if (budget.refused(error)) return false
        throw error
      }
    },
    scan: undefined,
  }
}

const floatsOf = (vector: Int8Array) => Buffer.from(Float32Array.from(vector).buffer)

/** An error reply of Redis, as opposed to no answer. Compared by name: the program may use another copy of ioredis. */
const isReply = (error: unknown) => isInstance(error, Error) && error.name === 'ReplyError'

async function failUnconfigured(): Promise<never> {
  throw new Error('there is no Redis: set gateway.redis, or LLM_GATEWAY_REDIS_URL')
}

const unconfigured: VectorBackend = {
  nearest: failUnconfigured,
  get: failUnconfigured,
  put: failUnconfigured,
  scan: undefined,
}
