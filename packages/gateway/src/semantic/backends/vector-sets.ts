import type { RedisConnection } from '../../redis/connection.ts'
import { createMemoryBudget } from '../../redis/memory-budget.ts'
import { errorText } from '../../util/error-text.ts'
import type { VectorBackend, VectorBackendFactory } from './port.ts'

/** Of the graph: more find the nearest more often, and take longer. */
const EXPLORED = '200'
/** Candidates beside those that are asked for: some of them may be gone. */
const MORE = 8
const GRACE_MS = 60_000

/**
 * The semantic cache in vector sets, which Redis has from version 8 on (Upstash has none): for those whose questions
 * outgrow the memory of one process, and whose Redis has room for them. Uses the connection of `gateway.redis`.
 *
 * @example
 * import { createVectorSetIndex } from '@hotdash/llm-gateway/vector-sets'
 * createGatewayClient({ gateway: { redis, cache: { semantic: { index: createVectorSetIndex() } } } })
 */
export const createVectorSetIndex = (): VectorBackendFactory => ({
  type: 'engine',
  name: 'vector sets',
  open: ({ link, sharedBytes }) => (link === undefined ? nowhere : shelvesAt(link, sharedBytes)),
})

/** One vector set for each partition; entries are values beside it, as they are without vector sets. */
function shelvesAt(link: RedisConnection, maxBytes: number): VectorBackend {
  const budget = createMemoryBudget(link, maxBytes, () => undefined)
  const setOf = (partition: string) => `${partition}:v`

  async function call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown> {
    try {
      return await link.run((client) => client.call(command, ...args))
    } catch (error) {
      throw /unknown command/i.test(errorText(error))
        ? new Error('this Redis has no vector sets; they are there from version 8 on')
        : error
    }
  }

  async function likely(partition: string, vector: Int8Array, count: number): Promise<string[]> {
    // Numbers, so that nothing else can stand in the filter.
    const filter = `.e > ${Math.floor(Date.now())}`
    const wanted = ['COUNT', count + MORE, 'EF', EXPLORED, 'FILTER', filter]
    try {
      const ids = await call('VSIM', setOf(partition), 'FP32', floatsOf(vector), ...wanted)
      return Array.isArray(ids) ? [...new Set(ids.filter((id) => typeof id === 'string'))] : []
    } catch (error) {
      // Something else stands there, or vectors of another length: that partition has nothing to give.
      if (isReply(error)) return []
      throw error
    }
  }

  return {
    async nearest(partition, vector, count) {
      const ids = await likely(partition, vector, count)
      if (ids.length === 0) return []
      const keys = ids.map((id) => `${partition}:${id}`)
      const values = await link.run((client) => client.mgetBuffer(...keys))
      const gone = ids.filter((_, at) => values[at] == null)
      // Whose entry is gone, by a purge or for its age, goes as well.
      for (const id of gone) call('VREM', setOf(partition), id).catch(() => undefined)
      return ids.flatMap((id, at) => {
        const value = values[at]
        return value == null ? [] : [{ id, value }]
      })
    },
    async get({ partition, id }) {
      const [value] = await link.run((client) => client.mgetBuffer(`${partition}:${id}`))
      return value ?? undefined
    },
    async put({ partition, id, vector, value, expires }) {
      if (!(await budget.hasRoom(value.length + vector.length))) return false
      const keptMs = Math.ceil(expires - Date.now())
      const set = setOf(partition)
      try {
        await link.run((client) => client.set(`${partition}:${id}`, value, 'PX', keptMs))
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
        // Never sooner than what is in it, pinned entries included.
        const left = Number(await link.run((client) => client.pttl(set)))
        if (left < keptMs + GRACE_MS / 2) await link.run((client) => client.pexpire(set, keptMs + GRACE_MS))
        return true
      } catch (error) {
        if (budget.refused(error)) return false
        throw error
      }
    },
    browse: undefined,
  }
}

const floatsOf = (vector: Int8Array) => Buffer.from(Float32Array.from(vector).buffer)

/** What Redis says of a command, as opposed to no answer. By name: the program's ioredis may be another copy than ours. */
const isReply = (error: unknown) => error instanceof Error && error.name === 'ReplyError'

async function unavailable(): Promise<never> {
  throw new Error('there is no Redis: set gateway.redis, or LLM_GATEWAY_REDIS_URL')
}

const nowhere: VectorBackend = { nearest: unavailable, get: unavailable, put: unavailable, browse: undefined }
