import { randomUUID } from 'node:crypto'
import { isObject, parseObject } from '../../core/json.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import putSource from './put.lua'
import type { Row } from './row.ts'
import takeSource from './take.lua'

/** A row that waits, by its place in the stream. `undefined`: what is there is no row. */
export type Waiting = { id: string; row: Row | undefined }

export type Spill = {
  /**
   * How many of the rows are put by, from the first on: fewer than all when there is no more room.
   * @throws when Redis is away or full, and none was taken.
   */
  put: (rows: readonly Row[]) => Promise<number>
  /** Forgets what is delivered, and gives the next ones; none while another process is at it. */
  take: (delivered: string[]) => Promise<Waiting[]>
  /** Lets others have a try. */
  leave: () => Promise<void>
  /** Rows there, as last seen. */
  waiting: () => number
}

/** Longer than one turn of who drains takes, upserts and all. */
const LEASE_MS = 10_000
/** Renewed with every row; rows that nobody came for in all that time are lost. */
const KEEP_MS = 7 * 24 * 3_600_000
/** In one command: Redis serves nobody else meanwhile. */
const PUT_AT_ONCE = 100
const TAKE_AT_ONCE = 250

export const spillKeyOf = (table: string): string =>
  table === 'llm_usage' ? 'gw:{usage}:spill' : `gw:{usage}:spill:${table}`

/** Rows that Supabase cannot take at the moment, in a bounded stream that all processes share. */
export function createSpill(
  link: RedisConnection,
  { table, maxRows, keyLocking }: { table: string; maxRows: number; keyLocking: boolean },
): Spill {
  const stream = spillKeyOf(table)
  const lease = `${stream}:lease`
  // Rows must not take what a full Redis has left for quotas; taking rows out of it helps.
  const putting = createScript(putSource, keyLocking ? 'allow-key-locking' : undefined)
  const taking = createScript(takeSource, keyLocking ? 'allow-key-locking' : 'allow-oom')
  const name = randomUUID()
  let waiting = 0

  async function put(rows: readonly Row[]): Promise<number> {
    let taken = 0
    while (taken < rows.length) {
      const some = rows.slice(taken, taken + PUT_AT_ONCE).map((row) => JSON.stringify(row))
      try {
        const reply = await link.run((client) => putting.run(client, [stream], [maxRows, KEEP_MS, ...some]))
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

  async function take(atMost: number, delivered: string[]): Promise<Waiting[]> {
    const reply = await link.run((client) =>
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
