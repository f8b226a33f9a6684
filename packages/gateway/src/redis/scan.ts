import type { Redis } from 'ioredis'
import type { RedisConnection } from './connection.ts'
import { primariesOf } from './nodes.ts'

/** `COUNT` of one SCAN command: some tenths of a millisecond of the server's time. */
const PAGE = 500

/** Yields the keys of one server that match, page by page; empty pages included. @throws RedisUnavailable */
export async function* scanNode(
  { run }: RedisConnection,
  node: Redis,
  pattern: string,
): AsyncGenerator<string[]> {
  let cursor = '0'
  do {
    const [next, keys] = await run(() => node.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE))
    yield keys
    cursor = next
  } while (cursor !== '0')
}

/** Yields the keys of all servers that match, with the server that holds them. @throws RedisUnavailable */
export async function* scanPages(
  connection: RedisConnection,
  pattern: string,
): AsyncGenerator<{ node: Redis; keys: string[] }> {
  for (const node of await connection.run(async (client) => primariesOf(client)))
    for await (const keys of scanNode(connection, node, pattern)) yield { node, keys }
}
