import { randomUUID } from 'node:crypto'
import { isObject, parseObject } from '../../core/json.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import putSource from './put.lua'
import type { Row } from './row.ts'
import takeSource from './take.lua'

/** A row in the stream, by its stream id. `row` is `undefined` if the value is not a row. */
export type SpilledRow = { id: string; row: Row | undefined }

export type Spill = {
  /**
   * Appends rows. Resolves with how many were stored, from the first on: fewer than all if the stream is full.
   * @throws if Redis is down or full and stored none.
   */
  put: (rows: readonly Row[]) => Promise<number>
  /** Deletes delivered rows and returns the next ones; none while another process holds the lease. */
  take: (delivered: string[]) => Promise<SpilledRow[]>
  /** Releases the lease. */
  leave: () => Promise<void>
  /** Rows in the stream, as last seen. */
  waiting: () => number
}

/** Longer than one round of the drain, including its writes. */
const LEASE_MS = 10_000
/** Renewed by every row; rows that no process drains within this time are lost. */
const KEEP_MS = 7 * 24 * 3_600_000
/** Rows of one command: it blocks Redis. */
const PUT_AT_ONCE = 100
const TAKE_AT_ONCE = 250

export const spillKeyOf = (table: string): string =>
  table === 'llm_usage' ? 'gw:{usage}:spill' : `gw:{usage}:spill:${table}`

/** Creates the spill: a bounded Redis stream, shared by all processes, for rows that Supabase cannot take now. */
export function createSpill(
  redis: RedisConnection,
  { table, maxRows, keyLocking }: { table: string; maxRows: number; keyLocking: boolean },
): Spill {
  const stream = spillKeyOf(table)
  const lease = `${stream}:lease`
  // Appending must not use the last memory of a full Redis, which quotas need; taking rows frees memory, so it may run
  // then.
  const putting = createScript(putSource, keyLocking ? 'allow-key-locking' : undefined)
  const taking = createScript(takeSource, keyLocking ? 'allow-key-locking' : 'allow-oom')
  const name = randomUUID()
  let waiting = 0

  async function put(rows: readonly Row[]): Promise<number> {
    let taken = 0
    while (taken < rows.length) {
      const some = rows.slice(taken, taken + PUT_AT_ONCE).map((row) => JSON.stringify(row))
      try {
        const reply = await redis.run((client) => putting.run(client, [stream], [maxRows, KEEP_MS, ...some]))
        const [fits, there] = reply as [number, number]
        waiting = there
        taken += fits
        if (fits < some.length) break
      } catch (error) {
        if (taken === 0) throw error
        break
      }
    }
    return taken
  }

  async function take(atMost: number, delivered: string[]): Promise<SpilledRow[]> {
    const reply = await redis.run((client) =>
      taking.run(client, [stream, lease], [name, LEASE_MS, atMost, ...delivered]),
    )
    const [left, entries] = reply as [number, [string, string[]][]]
    waiting = left
    return entries.map(([id, fields]) => ({ id, row: rowFrom(fields[1]) }))
  }

  return {
    put,
    take: async (delivered) => await take(TAKE_AT_ONCE, delivered),
    leave: async () => void (await take(0, [])),
    waiting: () => waiting,
  }
}

function rowFrom(written: string | undefined): Row | undefined {
  const row = parseObject(written ?? '')
  return isObject(row) && typeof row.request_id === 'string' ? (row as Row) : undefined
}
